"""The library of record: the replica that is searched, the change log with every text ever published, and what nodes report.

Plain functions on the caller's connection; the change log is what nodes copy from and is never rewritten.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, Row, Table, Text, func, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.sql.library_tables import library_tables
from twelve333.core.library.model import Change, Release, Tombstone, TombstoneReason

from .metadata import metadata

tables = library_tables(metadata)
PULL_PAGE = 256

changes_table = Table(
    "library_changes",
    metadata,
    Column("release", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", Integer, primary_key=True, autoincrement=False),  # within the release, from 1
    Column("entry_id", Text, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("content", LargeBinary, nullable=True),  # None: a tombstone
    Column("reason", Text, nullable=True),
    Column("successor", Text, nullable=False),
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


def keep(tx: Connection, changes: Iterable[Change], release: Release, document: bytes) -> None:
    """Append `changes` to the log and make `release` the present one, searchable.

    Args:
        document: the signed document of the release, byte for byte.
    """
    log = list(changes)
    tx.execute(insert(changes_table), [_logged(change, sequence) for sequence, change in enumerate(log, 1)])
    replica.apply(tx, tables, log)
    replica.keep_release(tx, tables, release.epoch, release.number, HeldRelease(document, release.made_at))


def changes_since(tx: Connection, release: int, after: str) -> list[Change]:
    """Net changes after `release` in order of id after `after`, at most `PULL_PAGE`: present contents and removals."""
    present = [Change(h.entry_id, h.version, h.release, content=h.content) for h in replica.since(tx, tables, release, after, PULL_PAGE)]
    gone = _removed_since(tx, release, after) if release else []
    return sorted([*present, *gone], key=lambda change: change.entry_id)[:PULL_PAGE]


def count_since(tx: Connection, release: int) -> int:
    """How many changes `changes_since` gives in all."""
    e = tables.library_entries.c
    present = tx.execute(select(func.count()).where(e.release > release)).scalar_one()
    return int(present) + (sum(1 for _ in _removals(tx, release)) if release else 0)


def report(tx: Connection, member: str, *, epoch: int, number: int, refusal: str, at: datetime) -> None:
    """Remember what a node says it holds; reports come in order, the last one counts."""
    values = {"epoch": epoch, "number": number, "refusal": refusal, "reported_at": at}
    if tx.execute(update(reports_table).where(reports_table.c.member == member).values(values)).rowcount == 0:
        tx.execute(insert(reports_table).values(member=member, **values))


def reports(tx: Connection) -> list[Row[Any]]:
    """What every node said last, by member."""
    return list(tx.execute(select(reports_table).order_by(reports_table.c.member)))


def _removed_since(tx: Connection, release: int, after: str) -> list[Change]:
    return [change for change in _removals(tx, release) if change.entry_id > after][:PULL_PAGE]


def _removals(tx: Connection, release: int) -> Iterator[Change]:
    """Tombstones after `release` of entries that have not come back, by id."""
    c, e = changes_table.c, tables.library_entries.c
    last = select(c.entry_id, func.max(c.release).label("release")).where(c.release > release).group_by(c.entry_id).subquery()
    query = (
        select(c.entry_id, c.version, c.release, c.reason, c.successor)
        .join(last, (last.c.entry_id == c.entry_id) & (last.c.release == c.release))
        .where(c.reason.is_not(None), c.entry_id.not_in(select(e.entry_id)))
        .order_by(c.entry_id)
    )
    for row in tx.execute(query):
        yield Change(row.entry_id, row.version, row.release, tombstone=Tombstone(TombstoneReason(row.reason), row.successor))


def _logged(change: Change, sequence: int) -> dict[str, object]:
    return {
        "release": change.release,
        "sequence": sequence,
        "entry_id": change.entry_id,
        "version": change.version,
        "content": None if change.tombstone else change.content,
        "reason": change.tombstone.reason.value if change.tombstone else None,
        "successor": change.tombstone.successor if change.tombstone else "",
    }
