"""What the hub keeps of the leases of members' running copies: who holds each, under which fence. Renewals stay in memory."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.delivery.leases import Lease

from .metadata import metadata

leases = Table(
    "leases",
    metadata,
    Column("member", String(6), primary_key=True),
    Column("instance", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("granted_at", UtcDateTime, nullable=False),
)


def load_leases(tx: Connection, since: datetime) -> dict[str, Lease]:
    """The lease of each member, as if its holder had been heard at `since`."""
    return {row.member: Lease(row.member, row.instance, row.fence, since) for row in tx.execute(select(leases))}


def save_lease(tx: Connection, lease: Lease) -> None:
    """Keep who holds it now."""
    tx.execute(delete(leases).where(leases.c.member == lease.member))
    tx.execute(insert(leases).values(member=lease.member, instance=lease.instance, fence=lease.fence, granted_at=lease.renewed_at))


def load_fences(tx: Connection) -> dict[str, int]:
    """The fence of each member's holder."""
    return {row.member: row.fence for row in tx.execute(select(leases.c.member, leases.c.fence))}
