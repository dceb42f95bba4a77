"""Writes put off to the end of a group of works, so that many rows of many works become one statement.

Rule served: nobody can tell the difference. What a work put off is dropped when the work fails, is written before the group commits, and
whoever reads such a table inside a unit of work calls `settle` first. Outside of a group everything is written at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, event, insert
from sqlalchemy.exc import DBAPIError

from .database import note

_LATER: Final = "twelve333.later"
_SAVEPOINT: Final = "twelve333.savepoint"  # the names of those that are asked for and not opened yet
Row = Mapping[str, Any]
Writer = Callable[[Connection, Mapping[Any, Any]], None]


_Mark = tuple[dict[Table, list[Row]], dict[str, dict[Any, Any]], int]


class BatchLost(Exception):
    """The transaction under the whole group is gone."""


@dataclass(slots=True)
class Later:
    """What a group has put off: rows to insert by table, values by key with who writes them, and facts for listeners.

    All are put back to what they were when a work fails.
    """

    rows: dict[Table, list[Row]] = field(default_factory=dict)
    values: dict[str, dict[Any, Any]] = field(default_factory=dict)
    writers: dict[str, Writer] = field(default_factory=dict)
    facts: list[tuple[str, object]] = field(default_factory=list)

    def mark(self) -> _Mark:
        """Everything as it is now."""
        values = {name: dict(values) for name, values in self.values.items()}
        return {table: list(rows) for table, rows in self.rows.items()}, values, len(self.facts)

    def back_to(self, mark: _Mark) -> None:
        """Forget what came after `mark`; what was written meanwhile was rolled back and is put off again."""
        self.rows, self.values, facts = mark
        del self.facts[facts:]

    def write(self, tx: Connection) -> None:
        """Write everything."""
        rows, self.rows = self.rows, {}
        values, self.values = self.values, {}
        for table, added in rows.items():
            if added:
                tx.execute(_insert(table), added)
        for name, changed in values.items():
            self.writers[name](tx, changed)


@lru_cache(maxsize=64)
def _insert(table: Table) -> Insert:
    """The statement; building it anew costs more than to run it."""
    return insert(table)


def insert_later(tx: Connection, table: Table, row: Row) -> None:
    """Insert a row that nothing in this unit of work reads again; every row of a table names the same columns."""
    later = tx.info.get(_LATER)
    if later is None:
        tx.execute(_insert(table), [row])
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
        later.facts.append((topic, fact))


def settle(tx: Connection) -> None:
    """Write what was put off now, because it is about to be read."""
    later = tx.info.get(_LATER)
    if later is not None:
        later.write(tx)


@contextmanager
def putting_off(tx: Connection) -> Iterator[None]:
    """Put writes off until the end of this block, and write them if it ends well."""
    if not event.contains(tx, "before_cursor_execute", _open_savepoints):
        event.listen(tx, "before_cursor_execute", _open_savepoints)
    later = tx.info[_LATER] = Later()
    try:
        yield
        later.write(tx)
        for topic, fact in later.facts:
            note(tx, topic, fact)
    finally:
        tx.info.pop(_LATER, None)
        tx.info.pop(_SAVEPOINT, None)


@contextmanager
def savepoint(tx: Connection, name: str) -> Iterator[None]:
    """A part that is undone alone when it fails; inside of a group it costs nothing until its first statement.

    Args:
        name: another one than that of a savepoint around it.

    Raises:
        BatchLost: it could not be undone.
    """
    later: Later | None = tx.info.get(_LATER)
    if later is None:
        with tx.begin_nested():
            yield
        return
    mark, asked = later.mark(), tx.info.setdefault(_SAVEPOINT, [])
    asked.append(name)
    try:
        yield
    except BaseException as error:
        later.back_to(mark)
        try:
            _close(tx, name, f"ROLLBACK TO SAVEPOINT {name}")
        except DBAPIError:
            raise BatchLost from error
        raise
    _close(tx, name, f"RELEASE SAVEPOINT {name}")


@contextmanager
def unguarded(tx: Connection) -> Iterator[None]:
    """For a read by key that no work's own fault can make fail: it need not open the savepoints that are asked for."""
    asked = tx.info.pop(_SAVEPOINT, None)
    try:
        yield
    finally:
        if asked is not None:
            tx.info[_SAVEPOINT] = asked


def _close(tx: Connection, name: str, statement: str) -> None:
    asked = tx.info.get(_SAVEPOINT, [])
    if name in asked:
        asked.remove(name)  # nothing was done inside
    else:
        tx.exec_driver_sql(statement)


def _open_savepoints(tx: Connection, *_statement: object) -> None:
    asked = tx.info.get(_SAVEPOINT)
    if asked:
        names, asked[:] = list(asked), []
        for name in names:
            tx.exec_driver_sql(f"SAVEPOINT {name}")
