"""Columns that are read from the content of an entry, and read again where an older program wrote them.

A node keeps fields that it does not know. When its program learns them, the rows written before know nothing of them: each row says which
generation of this module made it, so exactly those are made anew, also after a step back to the older program and forward again.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete, or_, select, update

from ...core.decision import Refusal
from ...core.library.document_numbers import document_number
from ...core.library.model import Entry
from ...wire.library import entry_from_content
from . import library_links as links
from .database import Database
from .library_tables import LibraryTables

GENERATION: Final = 3
CHUNK: Final = 200


def derived(entry: Entry) -> dict[str, object]:
    """The columns of `library_entries` that say what is in the content."""
    return {
        "derived": GENERATION,
        "kind": entry.kind.value,
        "region": entry.region,
        "topics": "".join(f" {topic}" for topic in entry.topics),
        "valid_from": entry.valid_from,
        "valid_to": entry.valid_to,
        "title": entry.title,
        "document": entry.document,
        "number": document_number(entry.document_number),
        "owner_unit": entry.owner_unit,
        "review_due": entry.review_due,
        "applies_from": entry.applies_from,
        "applies_to": entry.applies_to,
        "attached": len(entry.attachments),
    }


async def derive_all(database: Database, tables: LibraryTables) -> None:
    """Bring up to date what an older program wrote, a chunk a transaction; before anything is read from the replica."""
    while await database.write(lambda tx: derive_again(tx, tables)):
        pass


def derive_again(tx: Connection, tables: LibraryTables) -> int:
    """Bring up to date a chunk of rows that an older program wrote; returns how many were, 0 when there are none left."""
    e, c, k = tables.library_entries, tables.library_contents, tables.library_links
    old = or_(e.c.derived.is_(None), e.c.derived < GENERATION)
    rows = tx.execute(select(e.c.row_id, c.c.content).join(c, c.c.row_id == e.c.row_id).where(old).limit(CHUNK)).all()
    for row in rows:
        entry = entry_from_content(bytes(row.content))
        if isinstance(entry, Refusal):  # kept and forwarded, but nothing in it can be read
            tx.execute(update(e).where(e.c.row_id == row.row_id).values(derived=GENERATION))
            continue
        tx.execute(update(e).where(e.c.row_id == row.row_id).values(**derived(entry)))
        tx.execute(delete(k).where(k.c.row_id == row.row_id))
        links.put(tx, tables, [(row.row_id, entry)])
    return len(rows)
