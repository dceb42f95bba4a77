"""What the hub keeps of the leases of members' running copies: who holds each, under which fence. Renewals stay in memory."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Column, Connection, String, Table, Text, delete, false, insert, select

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
    Column("signs", Boolean, nullable=False, server_default=false()),  # what it hands to the broker
)


def load_leases(tx: Connection, since: datetime) -> dict[str, Lease]:
    """The lease of each member, as if its holder had been heard at `since`."""
    return {row.member: Lease(row.member, row.instance, row.fence, since) for row in tx.execute(select(leases))}


def save_lease(tx: Connection, lease: Lease, *, signs: bool) -> None:
    """Keep who holds it now."""
    tx.execute(delete(leases).where(leases.c.member == lease.member))
    row = {"member": lease.member, "instance": lease.instance, "fence": lease.fence, "granted_at": lease.renewed_at, "signs": signs}
    tx.execute(insert(leases).values(row))


def load_fences(tx: Connection) -> dict[str, int]:
    """The fence of each member's holder."""
    return {row.member: row.fence for row in tx.execute(select(leases.c.member, leases.c.fence))}


def load_signing(tx: Connection) -> frozenset[str]:
    """The members that sign what they hand to the broker."""
    return frozenset(tx.execute(select(leases.c.member).where(leases.c.signs)).scalars())
