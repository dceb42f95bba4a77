"""Statements of every event, compiled once and handed straight to the driver: building one anew costs more than to run it.

Rule served: the same text, types and errors as SQLAlchemy would have. Only for queries that answer plain numbers, texts and bytes, and
for inserts without defaults of our own; everything else goes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    JSON,
    CompoundSelect,
    Connection,
    LargeBinary,
    Select,
    Table,
    Update,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from .savepoints import execute, executed, open_savepoints
from .types import UtcDateTime

ROWS_MAX: Final = 512  # in one insert of SQLite, which takes 32,766 values
PARTS_MAX: Final = 16  # in one statement of PostgreSQL
Row = Mapping[str, Any]
Bound = tuple[str, Sequence[Any]]  # a statement as the driver takes it, with its values
_PLACE: Final = re.compile(r"\$(\d+)")
_ONCE: Final = "twelve333_once"
_Process = Callable[[Any], Any] | None


def kept_once() -> dict[str, Any]:
    """The `info` of a table whose rows never change: one that is there already stays, and to insert it again is no mistake."""
    return {_ONCE: True}


class Prepared:
    """A query or an update with named parameters."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | Update) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, list[tuple[str, _Process]], Row]] = {}

    @property
    def table(self) -> object:
        """What it updates; None for a query."""
        return self._statement.table if isinstance(self._statement, Update) else None

    def rows(self, tx: Connection, values: Row, guarded: bool = True) -> Sequence[Any]:
        """What a query finds, as tuples.

        Args:
            values: its parameters.
            guarded: False for a read by key that no work's own fault can make fail: it need not open the savepoints that are asked for.
        """
        if guarded:
            open_savepoints(tx)
        cursor = executed(tx, *self.bound(tx, values))
        try:
            return cursor.fetchall()
        finally:
            cursor.close()

    def change(self, tx: Connection, values: Row) -> int:
        """Run it; how many rows it changed."""
        open_savepoints(tx)
        cursor = executed(tx, *self.bound(tx, values))
        cursor.close()
        return cursor.rowcount

    def bound(self, tx: Connection, values: Row) -> Bound:
        """What the driver is to run."""
        text, names, constants = self._compiled.get(tx.dialect.name) or self._compile(tx.dialect)
        values = {**constants, **values} if constants else values
        return text, tuple([process(values[name]) if process else values[name] for name, process in names])

    def _compile(self, dialect: Dialect) -> tuple[str, list[tuple[str, _Process]], Row]:
        compiled: Any = self._statement.compile(dialect=dialect)
        names = [(name, _process(compiled.binds[name].type, dialect)) for name in compiled.positiontup]
        constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._compiled[dialect.name] = made = compiled.string, names, constants
        return made


def insert_rows(tx: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns, in as few statements as possible."""
    run_all(tx, inserts(tx, table, rows))


def inserts(tx: Connection, table: Table, rows: Sequence[Row]) -> list[Bound]:
    """What inserts these rows: for PostgreSQL one statement, with an array a column.

    SQLite has no arrays, and lets go of the interpreter in each statement: there it is one with a power of two of rows, and one for the
    rest, with room for the next power of two, of which it takes as many as there are.
    """
    names, columns = _columns(table, tuple(rows[0]), tx.dialect)
    values = [_column([row[name] for row in rows], process) for name, process in columns]
    if tx.dialect.name == "postgresql":
        return [(_insert_arrays(table, names, tx.dialect), values)]
    flat, begin, made = list(zip(*values, strict=True)), 0, list[Bound]()
    while begin < len(flat):
        count = min(ROWS_MAX, 1 << (len(flat) - begin).bit_length() - 1) if begin % ROWS_MAX == 0 else len(flat) - begin
        made.append(_insert_some(tx, table, names, flat[begin : begin + count]))
        begin += count
    return made


def _insert_some(tx: Connection, table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Bound:
    room = 1 << (len(rows) - 1).bit_length()
    nothing = (None,) * (len(names) * (room - len(rows)))
    return _insert_values(table, names, room, tx.dialect), (*chain.from_iterable(rows), *nothing, len(rows))


def run_all(tx: Connection, statements: Sequence[Bound]) -> None:
    """Run statements that answer nothing and touch no row twice: to PostgreSQL, where each is a round trip, many of them as one."""
    if statements:
        open_savepoints(tx)
    together = PARTS_MAX if tx.dialect.name == "postgresql" else 1
    for begin in range(0, len(statements), together):
        parts = statements[begin : begin + together]
        if len(parts) == 1:
            execute(tx, *parts[0])
        else:
            execute(tx, _as_one(tuple(text for text, _ in parts)), [value for _, values in parts for value in values])


@lru_cache(maxsize=256)
def _as_one(texts: tuple[str, ...]) -> str:
    """Statements as one, their parameters numbered through."""
    parts, before = list[str](), 0
    for text in texts:
        places = [int(place) for place in _PLACE.findall(text)]
        parts.append(_PLACE.sub(lambda place, before=before: f"${int(place[1]) + before}", text))  # type: ignore[misc]
        before += max(places, default=0)
    *others, last = parts
    named = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(others))
    return f"WITH {named} {last}"


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
def _insert_values(table: Table, names: tuple[str, ...], room: int, dialect: Dialect) -> str:
    quoted = dialect.identifier_preparer
    columns, row = ", ".join(quoted.quote(name) for name in names), f"({', '.join('?' * len(names))})"
    rows = ", ".join([row] * room)
    return f"INSERT INTO {quoted.format_table(table)} ({columns}) SELECT * FROM (VALUES {rows}) LIMIT ?{_known(table)}"  # noqa: S608 - only marks


@lru_cache(maxsize=256)
def _insert_arrays(table: Table, names: tuple[str, ...], dialect: Dialect) -> str:
    arrays = [bindparam(name, type_=ARRAY(table.c[name].type)) for name in names]
    rows: Select[Any] = select(literal_column("*")).select_from(func.unnest(*arrays))
    return str(insert(table).from_select(names, rows).inline().compile(dialect=dialect)) + _known(table)


def _known(table: Table) -> str:
    return " ON CONFLICT DO NOTHING" if _ONCE in table.info else ""


@lru_cache(maxsize=256)
def _columns(table: Table, named: tuple[str, ...], dialect: Dialect) -> tuple[tuple[str, ...], list[tuple[str, _Process]]]:
    """The named columns in the order of the table, which is theirs in the statement too: their names, and what is done to their values."""
    columns = [(column.name, _process(column.type, dialect)) for column in table.columns if column.name in named]
    return tuple(name for name, _ in columns), columns


def _as_text(kind: UtcDateTime, dialect: Dialect, value: datetime | None) -> str | None:
    """A time as SQLAlchemy writes it into SQLite, which takes it ten times as long."""
    moment = kind.process_bind_param(value, dialect)
    return None if moment is None else moment.isoformat(" ", "microseconds")


def _process(kind: TypeEngine[Any], dialect: Dialect) -> _Process:
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if process is None or isinstance(kind, LargeBinary):  # every driver takes bytes as they are
        return None
    if isinstance(kind, UtcDateTime) and dialect.name == "sqlite":
        return partial(_as_text, kind, dialect)
    if not isinstance(kind, JSON):
        return process
    empty = process({})  # mostly there is nothing to write
    return lambda value: empty if value == {} else process(value)
