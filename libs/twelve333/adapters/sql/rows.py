"""Queries and rows by key with statements compiled once: a store that is asked at every call must not work them out anew each time.

Rule served: the same values as SQLAlchemy would give. What a group of works has put off is written before its table is read or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, Table, and_, bindparam, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from .later import settle_rows
from .prepared import Prepared, Row

_Process = Any  # turns what the driver answers into what the column's type says; None where that is the same


class Query(Prepared):
    """A query with named parameters whose answers have the types of its columns.

    Args:
        statement: without lists of parameters.
        reads: tables that it reads and that works put rows off for.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any], *reads: Table) -> None:
        super().__init__(statement)
        self._columns, self._reads = list(statement.selected_columns), reads
        self._processes: dict[str, list[_Process]] = {}

    def tuples(self, tx: Connection, **values: object) -> list[tuple[Any, ...]]:
        """What it finds."""
        settle_rows(tx, *self._reads)
        found = self.rows(tx, values)
        if not found:
            return []
        processes = self._processes.get(tx.dialect.name) or self._process(tx.dialect)
        return [tuple([process(value) if process else value for process, value in zip(processes, row, strict=True)]) for row in found]

    def dicts(self, tx: Connection, **values: object) -> list[dict[str, Any]]:
        """The same, by the names of columns."""
        names = [str(column.key) for column in self._columns]
        return [dict(zip(names, row, strict=True)) for row in self.tuples(tx, **values)]

    def _process(self, dialect: Dialect) -> list[_Process]:
        made = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in self._columns]
        self._processes[dialect.name] = made
        return made


class Listed:
    """A query about several keys at once: made once for each power of two, the last key repeated.

    Args:
        make: the query, given parameters to compare the key's column with.
        kind: type of that column.
        reads: as for `Query`.
    """

    def __init__(self, make: Callable[[list[Any]], Select[Any] | CompoundSelect[Any]], kind: TypeEngine[Any], *reads: Table) -> None:
        self._make, self._kind, self._reads = make, kind, reads
        self._queries: dict[int, Query] = {}

    def tuples(self, tx: Connection, keys: Collection[object], **values: object) -> list[tuple[Any, ...]]:
        """What it finds; nothing, if there are no keys."""
        named = self._named(keys)
        return self._query(len(named)).tuples(tx, **named, **values) if named else []

    def dicts(self, tx: Connection, keys: Collection[object], **values: object) -> list[dict[str, Any]]:
        """The same, by the names of columns."""
        named = self._named(keys)
        return self._query(len(named)).dicts(tx, **named, **values) if named else []

    @staticmethod
    def _named(keys: Collection[object]) -> dict[str, object]:
        once = list(dict.fromkeys(keys))
        size = 1 << (len(once) - 1).bit_length() if once else 0
        return {f"listed{at}": once[min(at, len(once) - 1)] for at in range(size)}

    def _query(self, size: int) -> Query:
        if size not in self._queries:
            listed = [bindparam(f"listed{at}", type_=self._kind) for at in range(size)]
            self._queries[size] = Query(self._make(listed), *self._reads)
        return self._queries[size]


class Rows:
    """The rows of a table that have the same key.

    Args:
        table: which.
        key: the columns that are equal.
        order: of what is found.
        limit: how many are found at most; 0 for all.
    """

    def __init__(self, table: Table, *key: ColumnElement[Any], order: Sequence[ColumnElement[Any]] = (), limit: int = 0) -> None:
        self._table, self._names = table, [f"key_{column.key}" for column in key]
        self._where = and_(*(column == bindparam(name) for column, name in zip(key, self._names, strict=True)))
        query = select(table).where(self._where).order_by(*order)
        self._query = Query(query.limit(limit) if limit else query, table)
        self._changes: dict[tuple[str, ...], Prepared] = {}

    def find(self, tx: Connection, *key: object) -> list[dict[str, Any]]:
        """The rows, by the names of columns."""
        return self._query.dicts(tx, **dict(zip(self._names, key, strict=True)))

    def change(self, tx: Connection, values: Row, *key: object) -> int:
        """Give columns of these rows new values; how many rows there are."""
        settle_rows(tx, self._table)
        statement = self._changes.get(tuple(values)) or self._change(tuple(values))
        named = {f"new_{name}": value for name, value in values.items()}
        return statement.change(tx, named | dict(zip(self._names, key, strict=True)))

    def _change(self, names: tuple[str, ...]) -> Prepared:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        made = self._changes[names] = Prepared(update(self._table).where(self._where).values(values))
        return made
