"""A release on its way into use: written beside what is searched, in small transactions, then put in its place in one narrow one.

Contents are written under new row numbers that no entry points to, so a search neither sees them nor waits; into the index they go at
once or, if they are few, afterwards (`library_waiting`). `show` lets the
entries point to them, together with what the caller writes in the same transaction: release, cursor, report. What the old ones leave behind
is swept a little at a time. A program that ends in the middle goes on after the last transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Row, Table, Text, delete, select

from ...core.library.model import Change, Entry, Leaf, Tombstone, TombstoneReason
from . import library as replica
from .library import Ready
from .library_log import keep_tombstones
from .library_marks import take_rows
from .library_tables import LibraryTables
from .prepared import insert_rows
from .types import UtcDateTime

SWEPT_AT_ONCE: Final = 32  # other writers of the database wait meanwhile
CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class StagingTables:
    """The tables by name."""

    library_staged: Table
    library_swept: Table


def staging_tables(metadata: MetaData) -> StagingTables:
    """Declare the tables in a service's `metadata`."""
    staged = Table(
        "library_staged",
        metadata,
        Column("entry_id", Text, primary_key=True),
        Column("row_id", Integer, nullable=True),  # of content and index; None: it is to be taken out
        Column("version", Integer, nullable=False),
        Column("release", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("digest", LargeBinary, nullable=True),
        Column("recorded_at", UtcDateTime, nullable=True),
        Column("reason", Text, nullable=True),
        Column("successor", Text, nullable=False),
    )
    swept = Table("library_swept", metadata, Column("row_id", Integer, primary_key=True, autoincrement=False))
    return StagingTables(staged, swept)


def stage(tx: Connection, tables: LibraryTables, staging: StagingTables, changes: Sequence[Change], coming: Sequence[Ready]) -> None:
    """Write what `changes` bring beside what is in use; a later change of an entry takes the place of an earlier one.

    Args:
        coming: those of them that are not removals, made ready.
    """
    _unstage(tx, staging, [change.entry_id for change in changes])
    numbered = list(enumerate(coming, take_rows(tx, tables, len(coming), seen=False)))
    replica.put_contents(tx, tables, numbered)
    rows = {one.change.entry_id: (row_id, one.digest) for row_id, one in numbered}
    if changes:
        insert_rows(tx, staging.library_staged, [_staged(change, *rows.get(change.entry_id, (None, None))) for change in changes])


def staged_leaves(tx: Connection, staging: StagingTables) -> tuple[list[Leaf], list[str]]:
    """What is staged: leaves to be put in, and ids to be taken out."""
    s = staging.library_staged.c
    rows = tx.execute(select(s.entry_id, s.version, s.digest, s.row_id)).all()
    put = [Leaf(row.entry_id, row.version, bytes(row.digest)) for row in rows if row.row_id is not None]
    return put, [row.entry_id for row in rows if row.row_id is None]


def show(
    tx: Connection, tables: LibraryTables, staging: StagingTables, now: datetime, known: Mapping[bytes, Entry] = MappingProxyType({})
) -> int:
    """Put everything staged in its place; how many changes that were.

    Args:
        known: entries by the digest of their content, as far as the caller has decoded them already.
    """
    s = staging.library_staged
    staged = tx.execute(select(s)).all()
    for start in range(0, len(staged), CHUNK):
        rows = staged[start : start + CHUNK]
        _to_sweep(tx, staging, replica.take_out(tx, tables, [row.entry_id for row in rows]))
        changes = [_change(row) for row in rows]
        entries = _entries(tx, tables, [row for row in rows if row.row_id], known)
        coming = [(row, one) for row, one in zip(rows, changes, strict=True) if row.row_id]
        replica.put_entries(tx, tables, [(row.row_id, Ready(one, entries[row.row_id], None, bytes(row.digest))) for row, one in coming])
        keep_tombstones(tx, tables, changes, now)
    tx.execute(delete(s))
    take_rows(tx, tables, 0)
    return len(staged)


def drop(tx: Connection, staging: StagingTables) -> None:
    """Give up what is staged."""
    _unstage(tx, staging, list(tx.execute(select(staging.library_staged.c.entry_id)).scalars()))


def sweep(tx: Connection, tables: LibraryTables, staging: StagingTables, most: int = SWEPT_AT_ONCE) -> int:
    """Remove content and index of some rows that nothing points to any more; how many there were."""
    w, c = staging.library_swept, tables.library_contents
    rows = tx.execute(select(w.c.row_id, c.c.content).outerjoin(c, c.c.row_id == w.c.row_id).limit(most)).all()
    replica.forget_rows(tx, tables, [(row.row_id, bytes(row.content)) for row in rows if row.content is not None])
    tx.execute(delete(w).where(w.c.row_id.in_([row.row_id for row in rows])))
    return len(rows)


def _unstage(tx: Connection, staging: StagingTables, ids: Sequence[str]) -> None:
    s = staging.library_staged
    if ids and tx.execute(select(s.c.entry_id).limit(1)).first() is None:
        return
    for start in range(0, len(ids), CHUNK):
        chosen = s.c.entry_id.in_(ids[start : start + CHUNK])
        _to_sweep(tx, staging, tx.execute(select(s.c.row_id).where(chosen, s.c.row_id.is_not(None))).scalars().all())
        tx.execute(delete(s).where(chosen))


def _to_sweep(tx: Connection, staging: StagingTables, rows: Sequence[int]) -> None:
    if rows:
        insert_rows(tx, staging.library_swept, [{"row_id": row_id} for row_id in rows])


def _entries(tx: Connection, tables: LibraryTables, rows: Sequence[Row[Any]], known: Mapping[bytes, Entry]) -> dict[int, Entry]:
    """The entries of rows that are staged; only what is not known is read."""
    found = {row.row_id: known[digest] for row in rows if (digest := bytes(row.digest)) in known}
    c, missing = tables.library_contents.c, [row.row_id for row in rows if row.row_id not in found]
    came = tx.execute(select(c.row_id, c.content).where(c.row_id.in_(missing))).all() if missing else []
    return found | {row.row_id: replica.decoded(bytes(row.content)) for row in came}


def _staged(change: Change, row_id: int | None, digest: bytes | None) -> dict[str, object]:
    stone = change.tombstone
    return {
        "entry_id": change.entry_id,
        "row_id": row_id,
        "version": change.version,
        "release": change.release,
        "sequence": change.sequence,
        "digest": digest,
        "recorded_at": change.recorded_at,
        "reason": stone.reason.value if stone else None,
        "successor": stone.successor if stone else "",
    }


def _change(row: Row[Any]) -> Change:
    """What a row says of a change, without its content, which is where it belongs already."""
    stone = Tombstone(TombstoneReason(row.reason), row.successor) if row.reason else None
    return Change(row.entry_id, row.version, row.release, b"", stone, row.recorded_at, row.sequence)
