"""When the hub last confirmed the directory: it outlives a restart."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.registration.freshness import Confirmation

from .metadata import metadata

confirmation = Table(
    "directory_confirmation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("signed_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime, nullable=False),
)
Table(  # nothing reads it: alarms are all in one store (0027); backups of before name it, and the release before writes it
    "directory_alarms",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)


def load_confirmation(tx: Connection) -> Confirmation | None:
    """The last confirmation, None before the first."""
    row = tx.execute(select(confirmation.c.signed_at, confirmation.c.confirmed_at)).mappings().first()
    return Confirmation(**row) if row else None


def save_confirmation(tx: Connection, kept: Confirmation) -> None:
    """Keep a confirmation in place of the one before."""
    tx.execute(delete(confirmation))
    tx.execute(insert(confirmation).values(id=1, signed_at=kept.signed_at, confirmed_at=kept.confirmed_at))
