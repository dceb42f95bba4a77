"""Writes put off to the end of a group of works, so that many rows of many works become one statement.

Rule served: nobody can tell the difference. What a work put off is dropped when the work fails, is written before the group commits, and
whoever reads such a table inside a unit of work calls `settle` first. Outside of a group everything is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Table

from .database import note
from .prepared import Row, insert_rows
from .savepoints import begin_points, end_points, points_of

_LATER: Final = "twelve333.later"
Writer = Callable[[Connection, Mapping[Any, Any]], None]
Rows = dict[Table, list[Row]]
_Mark = tuple[Rows, dict[Table, int], dict[str, dict[Any, Any]], dict[str, int]]


@dataclass(slots=True)
class Later:
    """What a group has put off: rows to insert by table, values by key with who writes them, and facts for listeners.

    All are put back to what they were when a work fails.
    """

    rows: Rows = field(default_factory=dict)
    values: dict[str, dict[Any, Any]] = field(default_factory=dict)
    writers: dict[str, Writer] = field(default_factory=dict)
    facts: dict[str, list[object]] = field(default_factory=dict)

    def mark(self) -> _Mark:
        """Everything as it is now; rows and facts are only ever added, so their number is enough."""
        values = {name: dict(values) for name, values in self.values.items()}
        facts = {topic: len(facts) for topic, facts in self.facts.items()}
        return self.rows, {table: len(rows) for table, rows in self.rows.items()}, values, facts

    def back_to(self, mark: _Mark) -> None:
        """Forget what came after `mark`; what was written meanwhile was rolled back and is put off again."""
        rows, lengths, self.values, facts = mark
        self.rows = {table: rows[table][:length] for table, length in lengths.items()}
        self.facts = {topic: self.facts[topic][:length] for topic, length in facts.items()}

    def write(self, tx: Connection) -> None:
        """Write everything."""
        rows, self.rows = self.rows, {}
        values, self.values = self.values, {}
        for table, added in rows.items():
            if added:
                insert_rows(tx, table, added)
        for name, changed in values.items():
            self.writers[name](tx, changed)


def insert_later(tx: Connection, table: Table, row: Row) -> None:
    """Insert a row that nothing in this unit of work reads again; every row of a table names the same columns."""
    later = tx.info.get(_LATER)
    if later is None:
        insert_rows(tx, table, [row])
    else:
        later.rows.setdefault(table, []).append(row)


def keep_later(tx: Connection, name: str, write: Writer) -> dict[Any, Any] | None:
    """A place for values that are worked with in memory and written at the end; None outside of a group: write them at once.

    Args:
        name: of the place.
        write: is given the values, all of them.
    """
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        return None
    later.writers[name] = write
    return later.values.setdefault(name, {})


def note_later(tx: Connection, topic: str, fact: object) -> None:
    """Tell listeners of `topic` a fact once it is committed; outside of a group they hear of the topic only."""
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        note(tx, topic)
    else:
        later.facts.setdefault(topic, []).append(fact)


def settle(tx: Connection) -> None:
    """Write what was put off now, because it is about to be read."""
    later = tx.info.get(_LATER)
    if later is not None:
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
        for topic, facts in later.facts.items():
            if facts:
                note(tx, topic, *facts)
    finally:
        tx.info.pop(_LATER, None)
        end_points(tx)


@contextmanager
def savepoint(tx: Connection, name: str) -> Iterator[None]:
    """A part that is undone alone when it fails; inside of a group it costs nothing until its first statement.

    Args:
        name: another one than that of a savepoint around it.

    Raises:
        BatchLost: it could not be undone.
    """
    later, points = tx.info.get(_LATER), points_of(tx)
    if later is None or points is None:
        with tx.begin_nested():
            yield
        return
    mark = later.mark()
    points.asked.append(name)
    try:
        yield
    except BaseException as error:
        later.back_to(mark)
        points.undo(tx, name, error)
        raise
    points.release(tx, name)
