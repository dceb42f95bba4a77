"""A node's copy of the library: the replica with its index, what is on its way into it, and how the copying stands.

The release is kept in the transaction that completes its entries and index, so a search never sees half a release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Text, insert, select, update

from twelve333.adapters.sql import UtcDateTime
from twelve333.adapters.sql.library import held_number
from twelve333.adapters.sql.library_playing import playing_tables
from twelve333.adapters.sql.library_staging import staging_tables
from twelve333.adapters.sql.library_tables import library_tables

from .metadata import metadata

tables = library_tables(metadata)
playing = playing_tables(metadata)
staging = staging_tables(metadata)

sync_table = Table(
    "library_sync",
    metadata,
    Column("source", Text, primary_key=True),  # where this node copies from: hub
    Column("epoch", BigInteger, nullable=False),  # announced last
    Column("number", BigInteger, nullable=False),
    Column("refusal", Text, nullable=False),  # code of the last offer that did not hold, empty if all is well
    Column("changed_at", UtcDateTime, nullable=False),
)
progress_table = Table(
    "library_progress",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # the one row
    Column("epoch", BigInteger, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class SyncState:
    """How the copying stands: the release announced last, and the code of the last offer that did not hold (empty: all well)."""

    epoch: int = 0
    number: int = 0
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """The cursor of what is staged: how far the log of an epoch was taken, starting from the release `base`; all 0: not by the log."""

    epoch: int = 0
    base: int = 0
    sequence: int = 0


def sync_state(tx: Connection, source: str) -> SyncState:
    """How copying from `source` stands."""
    row = tx.execute(select(sync_table).where(sync_table.c.source == source)).one_or_none()
    return SyncState(row.epoch, row.number, row.refusal) if row else SyncState()


def keep_sync_state(tx: Connection, source: str, state: SyncState, at: datetime) -> None:
    """Remember how copying from `source` stands."""
    values = {"epoch": state.epoch, "number": state.number, "refusal": state.refusal, "changed_at": at}
    if tx.execute(update(sync_table).where(sync_table.c.source == source).values(values)).rowcount == 0:
        tx.execute(insert(sync_table).values(source=source, **values))


def progress(tx: Connection) -> Progress:
    """How far staging went."""
    row = tx.execute(select(progress_table)).one_or_none()
    return Progress(row.epoch, row.base, row.sequence) if row else Progress()


def keep_progress(tx: Connection, at: Progress) -> None:
    """Remember how far staging went."""
    values = {"epoch": at.epoch, "base": at.base, "sequence": at.sequence}
    if tx.execute(update(progress_table).values(values)).rowcount == 0:
        tx.execute(insert(progress_table).values(id=1, **values))


def release_number(tx: Connection) -> int:
    """The number of the release held; 0 for an empty replica."""
    return held_number(tx, tables)
