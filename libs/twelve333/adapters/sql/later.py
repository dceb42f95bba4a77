"""Writes put off to the end of a group of works, so that many rows of many works become one statement.

Rule served: nobody can tell the difference. What a work put off is dropped when the work fails, is written before the group commits, and
whoever reads such a table inside a unit of work calls `settle` first. Outside of a group everything is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

from sqlalchemy import Connection, Table

from .database import note
from .prepared import Prepared, Row, inserts, run_all
from .savepoints import Points, begin_points, end_points, points_of

_LATER: Final = "twelve333.later"
Change = tuple[Prepared, Row]  # an update and its values
Writer = Callable[[Mapping[Any, Any]], Iterable[Change]]  # what writes kept values; no row twice
_Kept = dict[str, dict[Any, Any]]
_Mark = tuple[list[tuple[Table, Row]], int, list[Change], int, list[tuple[str, Any, Any]], int, int]


@dataclass(slots=True)
class Later:
    """What a group has put off, in the order of asking: rows to insert, updates, values by place and key, and facts for listeners.

    All are put back to what they were when a work fails: things are only ever added, so their number is enough.
    """

    rows: list[tuple[Table, Row]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    values: list[tuple[str, Any, Any]] = field(default_factory=list)
    kept: _Kept = field(default_factory=dict)  # the values as they are now
    writers: dict[str, Writer] = field(default_factory=dict)
    facts: list[tuple[str, object]] = field(default_factory=list)

    def mark(self) -> _Mark:
        """Everything as it is now."""
        return self.rows, len(self.rows), self.changes, len(self.changes), self.values, len(self.values), len(self.facts)

    def back_to(self, mark: _Mark) -> None:
        """Forget what came after `mark`; what was written meanwhile was rolled back and is put off again."""
        rows, rows_before, changes, changes_before, values, values_before, facts_before = mark
        self.rows, self.changes, self.values = rows[:rows_before], changes[:changes_before], values[:values_before]
        self.facts = self.facts[:facts_before]
        self.kept = {}
        for place, key, value in self.values:
            self.kept.setdefault(place, {})[key] = value

    def write(self, tx: Connection) -> None:
        """Write everything."""
        by_table: dict[Table, list[Row]] = {}
        for table, row in self.rows:
            by_table.setdefault(table, []).append(row)
        statements = [each for table, rows in by_table.items() for each in inserts(tx, table, rows)]
        changes = [*self.changes, *(change for place, values in self.kept.items() for change in self.writers[place](values))]
        statements += [prepared.bound(tx, values) for prepared, values in changes]
        self.rows, self.changes, self.values, self.kept = [], [], [], {}
        run_all(tx, statements)


@dataclass(slots=True)
class Place:
    """Values that a group works with in memory and writes at its end."""

    later: Later
    name: str

    def get(self, key: object) -> Any:
        """The value as it is now; None if nobody put one since the last were written."""
        return self.later.kept.get(self.name, {}).get(key)

    def put(self, key: object, value: object) -> None:
        """Keep a value."""
        self.later.values.append((self.name, key, value))
        self.later.kept.setdefault(self.name, {})[key] = value


def insert_later(tx: Connection, table: Table, row: Row) -> None:
    """Insert a row that nothing in this unit of work reads again; every row of a table names the same columns."""
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        run_all(tx, inserts(tx, table, [row]))
    else:
        later.rows.append((table, row))


def change_later(tx: Connection, prepared: Prepared, values: Row) -> None:
    """Update rows that nothing in this unit of work reads again, none of them one that is put off itself.

    Args:
        values: those with different values for `line` are for different rows.
    """
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        prepared.change(tx, values)
        return
    if any(each.table is prepared.table and before["line"] == values["line"] for each, before in later.changes):
        later.write(tx)
    later.changes.append((prepared, values))


def keep_later(tx: Connection, name: str, write: Writer) -> Place | None:
    """A place for values that are worked with in memory and written at the end; None outside of a group: write them at once.

    Args:
        name: of the place.
        write: is given the values, all of them.
    """
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        return None
    later.writers[name] = write
    return Place(later, name)


def note_later(tx: Connection, topic: str, fact: object) -> None:
    """Tell listeners of `topic` a fact once it is committed; outside of a group they hear of the topic only."""
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        note(tx, topic)
    else:
        later.facts.append((topic, fact))


def settle(tx: Connection) -> None:
    """Write what was put off now, because it is about to be read."""
    later: Later | None = tx.info.get(_LATER)
    if later is not None:
        later.write(tx)


def settle_rows(tx: Connection, *tables: Table) -> None:
    """Write what was put off now, if there are rows of these tables, because they are about to be read or changed."""
    later: Later | None = tx.info.get(_LATER)
    if later is not None and any(table in tables for table, _ in later.rows):
        later.write(tx)


@contextmanager
def putting_off(tx: Connection, begin: Sequence[str], alone: bool) -> Iterator[None]:
    """Put writes off until the end of this block, and write them if it ends well.

    Args:
        begin: the statements that begin the transaction.
        alone: whether one work has it to itself.
    """
    later = tx.info[_LATER] = Later()
    begin_points(tx, begin, alone)
    try:
        yield
        later.write(tx)
        facts: dict[str, list[object]] = {}
        for topic, fact in later.facts:
            facts.setdefault(topic, []).append(fact)
        for topic, told in facts.items():
            note(tx, topic, *told)
    finally:
        tx.info.pop(_LATER, None)
        end_points(tx)


def savepoint(tx: Connection, name: str) -> AbstractContextManager[object]:
    """A part that is undone alone when it fails; inside of a group it costs nothing until its first statement.

    Args:
        name: another one than that of a savepoint around it.

    Raises:
        BatchLost: it could not be undone.
    """
    later, points = tx.info.get(_LATER), points_of(tx)
    return tx.begin_nested() if later is None or points is None else _Part(tx, name, later, points)


class _Part:
    """See `savepoint`; a class, because there is one around every work."""

    __slots__ = ("_later", "_mark", "_name", "_points", "_tx")

    def __init__(self, tx: Connection, name: str, later: Later, points: Points) -> None:
        self._tx, self._name, self._later, self._points = tx, name, later, points

    def __enter__(self) -> None:
        self._mark = self._later.mark()
        self._points.asked.append(self._name)

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        if error is None:
            self._points.release(self._tx, self._name)
        else:
            self._later.back_to(self._mark)
            self._points.undo(self._tx, self._name, error)
