"""When the hub last confirmed the directory, and what went wrong with directories: both outlive a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, delete, insert, select, update

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
alarms = Table(
    "directory_alarms",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """What went wrong, how often, and when."""

    code: str
    count: int
    first_at: datetime
    last_at: datetime


def load_confirmation(tx: Connection) -> Confirmation | None:
    """The last confirmation, None before the first."""
    row = tx.execute(select(confirmation.c.signed_at, confirmation.c.confirmed_at)).mappings().first()
    return Confirmation(**row) if row else None


def save_confirmation(tx: Connection, kept: Confirmation) -> None:
    """Keep a confirmation in place of the one before."""
    tx.execute(delete(confirmation))
    tx.execute(insert(confirmation).values(id=1, signed_at=kept.signed_at, confirmed_at=kept.confirmed_at))


def load_alarms(tx: Connection) -> list[AlarmRow]:
    """All alarms in the order of their codes."""
    return [AlarmRow(**row) for row in tx.execute(select(alarms).order_by(alarms.c.code)).mappings()]


def count_alarm(tx: Connection, code: str, now: datetime) -> None:
    """Count one more."""
    changed = tx.execute(update(alarms).where(alarms.c.code == code).values(count=alarms.c.count + 1, last_at=now))
    if not changed.rowcount:
        tx.execute(insert(alarms).values(code=code, count=1, first_at=now, last_at=now))
