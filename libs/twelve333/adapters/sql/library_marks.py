"""The mark of a replica: which rows were ever given to entries, and a stamp that tells whether anything has changed.

A search keeps in memory what it has learnt of rows. That holds as long as no row number ever means two entries, even after the newest
was removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, insert, text, update

from .library_tables import LibraryTables

_ONLY: Final = 1
# Every search and every write of a piece asks this: one statement, one row whatever is there.
_MARK: Final = text(
    "SELECT (SELECT stamp FROM library_marks WHERE id = 1), (SELECT last_row FROM library_marks WHERE id = 1), "
    "(SELECT max(row_id) FROM library_entries)"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a replica is.

    Args:
        stamp: another one after each change of entries.
        newest: the highest row that an entry has now; one above `last_row` was given by a program that keeps no mark.
        last_row: the highest row given under a mark; it goes up also for what is written beside what is in use, and no search sees that.
    """

    stamp: int
    newest: int
    last_row: int = field(compare=False)

    @property
    def highest(self) -> int:
        """The highest row that there is, in use or not."""
        return max(self.newest, self.last_row)


def mark_of(tx: Connection) -> Mark:
    """The present mark."""
    stamp, last_row, newest = tx.execute(_MARK).one()
    newest = newest or 0
    return Mark(0, newest, 0) if stamp is None else Mark(stamp, newest, last_row)


def take_rows(tx: Connection, tables: LibraryTables, count: int, *, seen: bool = True) -> int:
    """Note a change of entries, and take `count` new rows for it; returns the first.

    Args:
        seen: whether entries change now; rows of contents that no entry points to yet change nothing for a search.
    """
    marks, held = tables.library_marks, mark_of(tx)
    first = max(held.newest, held.last_row) + 1
    values = {"stamp": held.stamp + seen, "last_row": first + count - 1}
    if tx.execute(update(marks).where(marks.c.id == _ONLY).values(values)).rowcount == 0:
        tx.execute(insert(marks).values(id=_ONLY, **values))
    return first
