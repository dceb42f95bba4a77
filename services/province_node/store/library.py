"""A node's copy of the library: the replica with its index, and how the copying stands.

The release is kept in the transaction that completes its entries and index, so a search never sees half a release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Table, Text, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.adapters.sql.library import held_number
from twelve333.adapters.sql.library_playing import playing_table as declare_playing
from twelve333.adapters.sql.library_tables import library_tables

from .metadata import metadata

tables = library_tables(metadata)
playing_table = declare_playing(metadata)

sync_table = Table(
    "library_sync",
    metadata,
    Column("source", Text, primary_key=True),  # where this node copies from: hub
    Column("epoch", BigInteger, nullable=False),  # announced last
    Column("number", BigInteger, nullable=False),
    Column("refusal", Text, nullable=False),  # code of the last offer that did not hold, empty if all is well
    Column("changed_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SyncState:
    """How the copying stands: the release announced last, and the code of the last offer that did not hold (empty: all well)."""

    epoch: int = 0
    number: int = 0
    refusal: str = ""


def sync_state(tx: Connection, source: str) -> SyncState:
    """How copying from `source` stands."""
    row = tx.execute(select(sync_table).where(sync_table.c.source == source)).one_or_none()
    return SyncState(row.epoch, row.number, row.refusal) if row else SyncState()


def keep_sync_state(tx: Connection, source: str, state: SyncState, at: datetime) -> None:
    """Remember how copying from `source` stands."""
    values = {"epoch": state.epoch, "number": state.number, "refusal": state.refusal, "changed_at": at}
    if tx.execute(update(sync_table).where(sync_table.c.source == source).values(values)).rowcount == 0:
        tx.execute(insert(sync_table).values(source=source, **values))


def release_number(tx: Connection) -> int:
    """The number of the release held; 0 for an empty replica."""
    return held_number(tx, tables)
