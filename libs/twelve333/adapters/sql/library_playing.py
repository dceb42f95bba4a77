"""What is played for a prompt, by member: at a node its own, at the hub everybody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Row, Table, Text, insert, select, update

from .types import UtcDateTime


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
    """Remember what a member plays; True if that is another sound than before."""
    key = (table.c.member == member) & (table.c.entry_id == entry_id)
    before = tx.execute(select(table.c.digest).where(key)).scalar()
    if before is None:
        tx.execute(insert(table).values(member=member, entry_id=entry_id, digest=digest.hex(), reported_at=at))
    else:
        tx.execute(update(table).where(key).values(digest=digest.hex(), reported_at=at))
    return before != digest.hex()


def all_playing(tx: Connection, table: Table) -> Sequence[Row[Any]]:
    """What is played, by member and prompt."""
    return tx.execute(select(table).order_by(table.c.member, table.c.entry_id)).all()
