"""What the hub keeps of members' public keys, to which others seal what they tell them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, LargeBinary, String, Table, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime

from .metadata import metadata

encryption_keys = Table(
    "encryption_keys",
    metadata,
    Column("member", String(6), primary_key=True),
    Column("public_key", LargeBinary, nullable=False),
    Column("since", UtcDateTime, nullable=False),
)


def load_keys(tx: Connection) -> dict[str, bytes]:
    """The present key of each member that has told one."""
    return {row.member: row.public_key for row in tx.execute(select(encryption_keys))}


def save_key(tx: Connection, member: str, public_key: bytes, now: datetime) -> bool:
    """Keep a member's key; False if it is the one kept."""
    if load_keys(tx).get(member) == public_key:
        return False
    tx.execute(delete(encryption_keys).where(encryption_keys.c.member == member))
    tx.execute(insert(encryption_keys).values(member=member, public_key=public_key, since=now))
    return True
