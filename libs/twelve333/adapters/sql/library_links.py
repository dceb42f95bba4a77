"""Links between the entries of a replica, found from either end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from ...core.library.model import Entry, KnownLink, LinkKind
from ...core.library.parts import effective_since, is_applied
from .library_tables import LibraryTables


def put(tx: Connection, tables: LibraryTables, rows: Sequence[tuple[int, Entry]]) -> None:
    """Write the links of entries, by their row; they have none yet."""
    found = {(row_id, link.target, link.kind.value): effective_since(link, entry) for row_id, entry in rows for link in entry.links}
    if found:
        names = ("row_id", "target", "kind")
        tx.execute(insert(tables.library_links), [{**dict(zip(names, key, strict=True)), "since": since} for key, since in found.items()])


def known_of(tx: Connection, tables: LibraryTables, entries: Sequence[Entry]) -> dict[str, tuple[KnownLink, ...]]:
    """What other entries held say about each of `entries` or the document whose text it is, by day and id."""
    k, e = tables.library_links.c, tables.library_entries.c
    targets = {target for entry in entries for target in (entry.id, entry.document) if target}
    query = (
        select(k.target, k.kind, k.since, e.entry_id, e.title)
        .join_from(tables.library_links, tables.library_entries, e.row_id == k.row_id)
        .where(k.target.in_(sorted(targets)))
    )
    rows = tx.execute(query).all() if targets else []
    return {entry.id: _about(entry, rows) for entry in entries}


def _about(entry: Entry, rows: Sequence[Row[Any]]) -> tuple[KnownLink, ...]:
    """Those of `rows` that are about `entry`, each once."""
    found = {
        KnownLink(LinkKind(row.kind), row.entry_id, row.title, row.since, is_applied(LinkKind(row.kind), row.since, entry))
        for row in rows
        if row.target in (entry.id, entry.document) and row.entry_id != entry.id
    }
    return tuple(sorted(found, key=lambda one: (one.since or date.max, one.entry_id, one.kind.value)))
