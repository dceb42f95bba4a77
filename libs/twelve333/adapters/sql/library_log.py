"""The change log of a replica as others read it: what is held, and what was taken out, by sequence; never the way in between.

A replica that was copied knows removals only since its horizon. Whoever holds an older release compares trees instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from ...core.library.model import EVERYTHING, Change, Leaf, Scope, Tombstone, TombstoneReason
from .library_tables import LibraryTables

CHUNK: Final = 200
GONE: Final = Tombstone(TombstoneReason.OUT_OF_SCOPE)


def scoped_leaves(tx: Connection, tables: LibraryTables, scope: Scope) -> list[Leaf]:
    """The leaf of every entry held that the scope covers."""
    e = tables.library_entries.c
    rows = tx.execute(select(e.entry_id, e.version, e.digest, e.region, e.topics))
    return [Leaf(row.entry_id, row.version, bytes(row.digest)) for row in rows if _covers(scope, row)]


def log_after(tx: Connection, tables: LibraryTables, scope: Scope, after: int, size: int, release: int = 0) -> list[Change]:
    """What changed after a sequence, in the order of the log, each entry once: at most `size` changes.

    What the scope does not cover comes as a removal, since the one who asks may hold it from before.

    Args:
        release: only what this release brought; 0 for all.
    """

    def rows(table: Table) -> Sequence[Row[Any]]:
        query = select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(size)
        return tx.execute(query.where(table.c.release == release) if release else query).all()

    put, gone = rows(tables.library_entries), rows(tables.library_tombstones)
    chosen = sorted([*put, *gone], key=lambda row: row.sequence)[:size]
    inside = [row.entry_id for row in chosen if hasattr(row, "row_id") and _covers(scope, row)]
    contents = {change.entry_id: change for change in entries_by_id(tx, tables, inside)}
    return [contents.get(row.entry_id) or _removal(row) for row in chosen]


def entries_by_id(tx: Connection, tables: LibraryTables, ids: Sequence[str]) -> list[Change]:
    """Entries with their content, in the order of `ids`; those that are not held are left out."""
    return list(each_by_id(tx, tables, ids))


def each_by_id(tx: Connection, tables: LibraryTables, ids: Sequence[str]) -> Iterator[Change]:
    """As `entries_by_id`, a chunk at a time as they are asked for."""
    e, c = tables.library_entries, tables.library_contents
    query = select(e.c.entry_id, e.c.version, e.c.release, e.c.sequence, e.c.recorded_at, c.c.content).join(c, c.c.row_id == e.c.row_id)
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        found = {row.entry_id: _entry(row) for row in tx.execute(query.where(e.c.entry_id.in_(chunk)))}
        yield from (found[entry_id] for entry_id in chunk if entry_id in found)


def keep_tombstones(tx: Connection, tables: LibraryTables, changes: Iterable[Change], now: datetime) -> None:
    """Remember what was taken out, and forget that of what came back."""
    t, listed = tables.library_tombstones, list(changes)
    for start in range(0, len(listed), CHUNK):
        chunk = listed[start : start + CHUNK]
        tx.execute(delete(t).where(t.c.entry_id.in_([change.entry_id for change in chunk])))
        rows = [_stone(change, change.tombstone, now) for change in chunk if change.tombstone and change.tombstone != GONE]
        if rows:
            tx.execute(insert(t), rows)


def forget_tombstones(tx: Connection, tables: LibraryTables, before: datetime) -> int:
    """Forget removals older than that; the sequence of the last one, which the horizon must not be below, or 0."""
    t = tables.library_tombstones
    last = tx.scalar(select(func.max(t.c.sequence)).where(t.c.removed_at < before)) or 0
    if last:
        tx.execute(delete(t).where(t.c.removed_at < before))
    return int(last)


def horizon(tx: Connection, tables: LibraryTables) -> int:
    """The sequence since which every removal is known here."""
    t: Table = tables.library_releases
    return tx.scalar(select(t.c.horizon).order_by(t.c.epoch.desc(), t.c.number.desc()).limit(1)) or 0


def _covers(scope: Scope, row: Row[Any]) -> bool:
    return scope == EVERYTHING or scope.covers(row.region, row.topics.split())


def _entry(row: Row[Any]) -> Change:
    return Change(row.entry_id, row.version, row.release, content=bytes(row.content), recorded_at=row.recorded_at, sequence=row.sequence)


def _removal(row: Row[Any]) -> Change:
    """A removal; an entry out of scope looks like one to who asks."""
    stone = Tombstone(TombstoneReason(row.reason), row.successor) if hasattr(row, "reason") else GONE
    return Change(row.entry_id, row.version, row.release, tombstone=stone, sequence=row.sequence)


def _stone(change: Change, stone: Tombstone, now: datetime) -> dict[str, object]:
    return {
        "entry_id": change.entry_id,
        "version": change.version,
        "release": change.release,
        "sequence": change.sequence,
        "reason": stone.reason.value,
        "successor": stone.successor,
        "removed_at": now,
    }
