"""The library of record: the replica that is searched, the change log with every text ever published, and what nodes report.

Plain functions on the caller's connection; the change log is what nodes copy from and is never rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Row, Select, Table, Text, func, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_log as log_of
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.sql.library_playing import playing_tables
from twelve333.adapters.sql.library_tables import library_tables
from twelve333.core.library.model import Change, Release, Tombstone, TombstoneReason
from twelve333.wire.library_frames import KnownText, Texts

from .metadata import metadata

tables = library_tables(metadata)
playing = playing_tables(metadata)
PULL_PAGE = 256
REMOVALS_KEPT: Final = timedelta(days=400)

changes_table = Table(
    "library_changes",
    metadata,
    Column("release", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # within the release, from 1
    Column("entry_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("content", LargeBinary, nullable=True),  # None: a tombstone
    Column("reason", Text, nullable=True),
    Column("successor", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=True),
    Column("document", Text, nullable=True),  # that groups the text with others; None in rows of an older program
    Index("ix_library_changes_document", "document"),
    Column("position", BigInteger, nullable=True),  # in the log of the library; not known of what an older program wrote
    Index("ix_library_changes_entry_id", "entry_id", "release"),
)
reports_table = Table(
    "library_reports",
    metadata,
    Column("member", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),  # of the release held
    Column("number", BigInteger, nullable=False),  # 0: none yet
    Column("refusal", Text, nullable=False),  # code of the last offer that did not hold, empty if all is well
    Column("reported_at", UtcDateTime, nullable=False),
)


def removed_versions(tx: Connection) -> dict[str, int]:
    """Last version of every entry that was published and is held no more."""
    c, e = changes_table.c, tables.library_entries.c
    query = select(c.entry_id, func.max(c.version)).where(c.entry_id.not_in(select(e.entry_id))).group_by(c.entry_id)
    return {row[0]: row[1] for row in tx.execute(query)}


def keep(tx: Connection, changes: Iterable[Change], release: Release, document: bytes, removals_kept: timedelta = REMOVALS_KEPT) -> None:
    """Append `changes` to the log and make `release` the present one, searchable.

    Args:
        document: the signed document of the release, byte for byte.
        removals_kept: for how long removals are told to nodes one by one; a node that is older compares trees.
    """
    log = list(changes)
    tx.execute(insert(changes_table), [_logged(change, sequence) for sequence, change in enumerate(log, 1)])
    replica.apply(tx, tables, log)
    horizon = max(log_of.horizon(tx, tables), log_of.forget_tombstones(tx, tables, release.made_at - removals_kept))
    log_of.keep_tombstones(tx, tables, log, release.made_at)
    replica.keep_release(tx, tables, release.epoch, release.number, HeldRelease(document, release.made_at, horizon))


def texts_at(tx: Connection, after: int, changes: Sequence[Change]) -> Texts:
    """The texts that a replica holds of entries that have changed, if it has taken the log up to `after`."""
    c, ids = changes_table.c, [change.entry_id for change in changes if change.tombstone is None]
    if not ids:
        return {}
    known = func.coalesce(c.position, 0) <= after
    last = select(c.entry_id, func.max(c.version).label("version")).where(c.entry_id.in_(ids), known).group_by(c.entry_id).subquery()
    query = select(changes_table).join(last, (last.c.entry_id == c.entry_id) & (last.c.version == c.version))
    return {row.entry_id: KnownText(row.version, bytes(row.content)) for row in tx.execute(query) if row.content is not None}


def changes_since(tx: Connection, base: int, until: int, after: str) -> tuple[list[Change], str]:
    """Net changes after release `base` up to `until`, in order of id after `after`: a page of them.

    They come from the log, which is never rewritten, so a publication in the middle of a copy does not disturb it.

    Args:
        base: 0 for a complete copy, which has no removals.

    Returns:
        The changes, and the id to go on after; empty at the end.
    """
    c = changes_table.c
    last = _last_of_each(base, until).where(c.entry_id > after).order_by(c.entry_id).limit(PULL_PAGE).subquery()
    query = select(changes_table).join(last, (last.c.entry_id == c.entry_id) & (last.c.release == c.release)).order_by(c.entry_id)
    page = [from_log(row) for row in tx.execute(query)]
    return [change for change in page if base or change.tombstone is None], page[-1].entry_id if page else ""


def count_since(tx: Connection, base: int, until: int) -> int:
    """How many changes `changes_since` gives in all."""
    c, last = changes_table.c, _last_of_each(base, until).subquery()
    query = select(func.count()).select_from(changes_table).join(last, (last.c.entry_id == c.entry_id) & (last.c.release == c.release))
    return int(tx.execute(query if base else query.where(c.reason.is_(None))).scalar_one())


def report(tx: Connection, member: str, *, epoch: int, number: int, refusal: str, at: datetime) -> None:
    """Remember what a node says it holds; reports come in order, the last one counts."""
    values = {"epoch": epoch, "number": number, "refusal": refusal, "reported_at": at}
    if tx.execute(update(reports_table).where(reports_table.c.member == member).values(values)).rowcount == 0:
        tx.execute(insert(reports_table).values(member=member, **values))


def reports(tx: Connection) -> list[Row[Any]]:
    """What every node said last, by member."""
    return list(tx.execute(select(reports_table).order_by(reports_table.c.member)))


def _last_of_each(base: int, until: int) -> Select[tuple[str, int]]:
    """For every entry that changed after `base` up to `until`, the release of its last change."""
    c = changes_table.c
    return select(c.entry_id, func.max(c.release).label("release")).where(c.release > base, c.release <= until).group_by(c.entry_id)


def from_log(row: Row[Any]) -> Change:
    """A change as the log has it."""
    if row.reason is None:
        return Change(row.entry_id, row.version, row.release, content=bytes(row.content), recorded_at=row.recorded_at)
    stone = Tombstone(TombstoneReason(row.reason), row.successor)
    return Change(row.entry_id, row.version, row.release, tombstone=stone, recorded_at=row.recorded_at)


def _logged(change: Change, sequence: int) -> dict[str, object]:
    return {
        "release": change.release,
        "sequence": sequence,
        "entry_id": change.entry_id,
        "version": change.version,
        "content": None if change.tombstone else change.content,
        "reason": change.tombstone.reason.value if change.tombstone else None,
        "successor": change.tombstone.successor if change.tombstone else "",
        "recorded_at": change.recorded_at,
        "document": None if change.tombstone else replica.decoded(change.content).document,
        "position": change.sequence,
    }
