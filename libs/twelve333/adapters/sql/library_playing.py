"""What is played for a prompt, by member: at a node its own, at the hub everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, MetaData, Row, Table, Text, insert, select, update

from ...core.library.model import NATIONAL, EntryKind
from ...core.library.pieces import plays
from ...core.worktime.model import CHINA
from . import library as replica
from .library_narrowing import Narrow
from .library_tables import LibraryTables
from .types import UtcDateTime

PAGE: Final = 200


def playing_table(metadata: MetaData) -> Table:
    """Declare the table in a service's `metadata`."""
    return Table(
        "library_playing",
        metadata,
        Column("member", Text, primary_key=True),
        Column("entry_id", Text, primary_key=True),
        Column("digest", Text, nullable=False),  # SHA-256 of the sound, hexadecimal
        Column("reported_at", UtcDateTime, nullable=False),
    )


def keep_playing(tx: Connection, table: Table, member: str, entry_id: str, digest: bytes, at: datetime) -> bool:
    """Remember what a member plays; True if that is another sound than before, or the first report of a day (UTC)."""
    key = (table.c.member == member) & (table.c.entry_id == entry_id)
    before = tx.execute(select(table.c.digest, table.c.reported_at).where(key)).first()
    if before is None:
        tx.execute(insert(table).values(member=member, entry_id=entry_id, digest=digest.hex(), reported_at=at))
    else:
        tx.execute(update(table).where(key).values(digest=digest.hex(), reported_at=at))
    return before is None or before.digest != digest.hex() or before.reported_at.date() != at.date()


def playing_of(tx: Connection, table: Table, member: str) -> dict[str, tuple[bytes, datetime]]:
    """What a member plays, by prompt, and when that was reported."""
    rows = tx.execute(select(table.c.entry_id, table.c.digest, table.c.reported_at).where(table.c.member == member))
    return {row.entry_id: (bytes.fromhex(row.digest), row.reported_at) for row in rows}


def published_prompts(tx: Connection, tables: LibraryTables, now: datetime) -> dict[str, bytes]:
    """The sound of each national prompt that is in force on that day."""
    narrow = Narrow(kind=EntryKind.PROMPT, region=NATIONAL, as_at=now.astimezone(CHINA).date())
    found, after = dict[str, bytes](), ""
    while page := replica.page(tx, tables, after, PAGE, narrow):
        found |= {held.entry.id: sound for held in page if (sound := plays(held.entry)) is not None}
        after = page[-1].entry.id
    return found


def all_playing(tx: Connection, table: Table) -> Sequence[Row[Any]]:
    """What is played, by member and prompt."""
    return tx.execute(select(table).order_by(table.c.member, table.c.entry_id)).all()
