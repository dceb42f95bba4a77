"""Entries that a replica keeps but shows to nobody: an urgent release takes them out or puts them right, and is not in use yet.

A release comes into use whole, and a mass of other changes may come with it; what must not be read out any more cannot wait for that. To
withhold says nothing about what comes instead, so it needs no root: once a release is in use nothing is withheld.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, update

from .library_marks import take_rows
from .library_tables import LibraryTables

CHUNK = 200


def withhold(tx: Connection, tables: LibraryTables, entry_ids: Sequence[str]) -> int:
    """Show these entries to nobody; how many of them had been shown."""
    e, count = tables.library_entries, 0
    for start in range(0, len(entry_ids), CHUNK):
        chosen = e.c.entry_id.in_(entry_ids[start : start + CHUNK]), e.c.withheld.is_(None)
        count += tx.execute(update(e).where(*chosen).values(withheld=1)).rowcount
    if count:
        take_rows(tx, tables, 0)
    return count


def show_all(tx: Connection, tables: LibraryTables) -> None:
    """Withhold nothing any more."""
    e = tables.library_entries
    if tx.execute(update(e).where(e.c.withheld.is_not(None)).values(withheld=None)).rowcount:
        take_rows(tx, tables, 0)
