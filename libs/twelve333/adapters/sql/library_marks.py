"""The mark of a replica: which rows were ever given to entries, and a stamp that tells whether anything has changed.

A search keeps in memory what it has learnt of rows. That holds as long as no row number ever means two entries, even after the newest
was removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from .library_tables import LibraryTables

_ONLY: Final = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a replica is.

    Args:
        stamp: another one after each change of entries.
        newest: the highest row that an entry has now; one above `last_row` was given by a program that keeps no mark.
        last_row: the highest row given under a mark.
    """

    stamp: int
    newest: int
    last_row: int


def mark_of(tx: Connection, tables: LibraryTables) -> Mark:
    """The present mark."""
    m = tables.library_marks.c
    row = tx.execute(select(m.stamp, m.last_row).where(m.id == _ONLY)).one_or_none()
    newest = tx.execute(select(func.max(tables.library_entries.c.row_id))).scalar() or 0
    return Mark(row.stamp, newest, row.last_row) if row else Mark(0, newest, 0)


def take_rows(tx: Connection, tables: LibraryTables, count: int, *, seen: bool = True) -> int:
    """Note a change of entries, and take `count` new rows for it; returns the first.

    Args:
        seen: whether entries change now; rows of contents that no entry points to yet change nothing for a search.
    """
    marks, held = tables.library_marks, mark_of(tx, tables)
    first = max(held.newest, held.last_row) + 1
    values = {"stamp": held.stamp + seen, "last_row": first + count - 1}
    if tx.execute(update(marks).where(marks.c.id == _ONLY).values(values)).rowcount == 0:
        tx.execute(insert(marks).values(id=_ONLY, **values))
    return first
