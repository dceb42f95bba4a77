"""What a hub that was put back to a backup remembers of it: what it had then, and who has handed back what came later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, delete, insert, select, update

from twelve333.adapters.sql.types import UtcDateTime

from .metadata import metadata

recovery = Table(
    "recovery",
    metadata,
    Column("began_at", UtcDateTime, primary_key=True),
    Column("version", Integer, nullable=False),  # of the newest directory taken so far
    Column("directory", LargeBinary, nullable=False),  # what it says
    Column("library_settled_at", UtcDateTime, nullable=True),  # when a node had nothing later than we, or had handed it back
)
returns = Table(
    "directory_returns",
    metadata,
    Column("member", String(6), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("entered", Integer, nullable=False),  # how much of it had been lost here
    Column("returned_at", UtcDateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    """When the last restore was; the newest directory of before it that is known, version and payload; when the library was compared."""

    began_at: datetime
    version: int
    directory: bytes
    library_settled_at: datetime | None = None


def begin_recovery(tx: Connection, row: RecoveryRow) -> None:
    """Remember a restore; nobody has handed anything back yet."""
    tx.execute(delete(returns))
    tx.execute(delete(recovery))
    tx.execute(insert(recovery).values(began_at=row.began_at, version=row.version, directory=row.directory))


def load_recovery(tx: Connection) -> RecoveryRow | None:
    """The last restore, None if there was none."""
    row = tx.execute(select(recovery)).mappings().first()
    return RecoveryRow(**row) if row else None


def keep_newest(tx: Connection, version: int, directory: bytes) -> None:
    """Keep the newest directory that was handed back."""
    tx.execute(update(recovery).values(version=version, directory=directory))


def settle_library(tx: Connection, now: datetime) -> None:
    """Keep that the library here is no older than that of a node which was asked."""
    tx.execute(update(recovery).where(recovery.c.library_settled_at.is_(None)).values(library_settled_at=now))


def keep_return(tx: Connection, member: str, version: int, entered: int, now: datetime) -> None:
    """Keep that a member has handed its directory back."""
    tx.execute(delete(returns).where(returns.c.member == member))
    tx.execute(insert(returns).values(member=member, version=version, entered=entered, returned_at=now))


def returned_by(tx: Connection) -> set[str]:
    """The members that have handed theirs back since the restore."""
    return set(tx.scalars(select(returns.c.member)))
