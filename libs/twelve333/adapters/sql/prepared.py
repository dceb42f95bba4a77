"""Statements of every event, compiled once and handed straight to the driver: building one anew costs more than to run it.

Rule served: the same text, types and errors as SQLAlchemy would have. Only for queries that answer plain numbers, texts and bytes, and
for inserts without defaults of our own; everything else goes the usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from sqlalchemy import ARRAY, JSON, ClauseElement, Connection, LargeBinary, Select, Table, bindparam, func, insert, literal_column, select
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.types import TypeEngine

from .savepoints import driver_errors, execute, open_savepoints

ROWS_MAX: Final = 256  # in one insert of SQLite
Row = Mapping[str, Any]
_Process = Callable[[Any], Any] | None


class Prepared:
    """A statement with named parameters."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, list[tuple[str, _Process]], Row]] = {}

    def rows(self, tx: Connection, values: Row, guarded: bool = True) -> Sequence[Any]:
        """What a query finds, as tuples.

        Args:
            values: its parameters.
            guarded: False for a read by key that no work's own fault can make fail: it need not open the savepoints that are asked for.
        """
        if guarded:
            open_savepoints(tx)
        with closing(tx.connection.cursor()) as cursor:
            self._run(tx, cursor, values)
            return cursor.fetchall()

    def change(self, tx: Connection, values: Row) -> int:
        """Run it; how many rows it changed."""
        open_savepoints(tx)
        with closing(tx.connection.cursor()) as cursor:
            self._run(tx, cursor, values)
            return cursor.rowcount

    def _run(self, tx: Connection, cursor: DBAPICursor, values: Row) -> None:
        text, names, constants = self._compiled.get(tx.dialect.name) or self._compile(tx.dialect)
        values = {**constants, **values} if constants else values
        with driver_errors(tx, text, cursor):
            cursor.execute(text, tuple([process(values[name]) if process else values[name] for name, process in names]))

    def _compile(self, dialect: Dialect) -> tuple[str, list[tuple[str, _Process]], Row]:
        compiled: Any = self._statement.compile(dialect=dialect)
        names = [(name, _process(compiled.binds[name].type, dialect)) for name in compiled.positiontup]
        constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._compiled[dialect.name] = made = compiled.string, names, constants
        return made


def insert_rows(tx: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns, in as few statements as possible.

    To PostgreSQL a statement is a round trip, so there is one, with an array a column. SQLite lets go of the interpreter in each and has no
    arrays: there it is one for each power of two.
    """
    open_savepoints(tx)
    columns = _columns(table, frozenset(rows[0]), tx.dialect)
    values = [_column([row[name] for row in rows], process) for name, process in columns]
    names = tuple(name for name, _ in columns)
    if tx.dialect.name == "postgresql":
        execute(tx, _insert_arrays(table, names, tx.dialect), values)
        return
    flat, begin = list(zip(*values, strict=True)), 0
    while begin < len(flat):
        count = min(ROWS_MAX, 1 << (len(flat) - begin).bit_length() - 1)
        execute(tx, _insert_values(table, names, count, tx.dialect), tuple(chain.from_iterable(flat[begin : begin + count])))
        begin += count


def _column(values: list[Any], process: _Process) -> list[Any]:
    """The values of one column as the driver takes them; what is the same as in the row before is not worked out again."""
    if process is None:
        return values
    last, done, made = object(), None, list[Any]()
    for value in values:
        if value is not last:
            last, done = value, process(value)
        made.append(done)
    return made


@lru_cache(maxsize=1024)
def _insert_values(table: Table, names: tuple[str, ...], count: int, dialect: Dialect) -> str:
    values = [{name: bindparam(f"{row}.{name}", type_=table.c[name].type) for name in names} for row in range(count)]
    compiled: Any = insert(table).values(values).inline().compile(dialect=dialect)
    if compiled.positiontup != [f"{row}.{name}" for row in range(count) for name in names]:
        raise ValueError(f"{table.name} cannot be filled like this")
    return str(compiled.string)


@lru_cache(maxsize=256)
def _insert_arrays(table: Table, names: tuple[str, ...], dialect: Dialect) -> str:
    arrays = [bindparam(name, type_=ARRAY(table.c[name].type)) for name in names]
    rows: Select[Any] = select(literal_column("*")).select_from(func.unnest(*arrays))
    return str(insert(table).from_select(names, rows).inline().compile(dialect=dialect))


@lru_cache(maxsize=256)
def _columns(table: Table, names: frozenset[str], dialect: Dialect) -> list[tuple[str, _Process]]:
    """The named columns in the order of the table, which is theirs in the statement too."""
    return [(column.name, _process(column.type, dialect)) for column in table.columns if column.name in names]


def _process(kind: TypeEngine[Any], dialect: Dialect) -> _Process:
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if process is None or isinstance(kind, LargeBinary):  # every driver takes bytes as they are
        return None
    if not isinstance(kind, JSON):
        return process
    empty = process({})  # mostly there is nothing to write
    return lambda value: empty if value == {} else process(value)
