"""Every certificate the hub has issued to a member, and which keys it has revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, delete, insert, select, update

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.registration.model import Certificate

from .metadata import metadata
from .registration import members

certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("member", String(6), nullable=False, index=True),
    Column("key_fingerprint", String(64), nullable=False, index=True),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime, nullable=True),
    Column("reason", String(200), nullable=False),
)


def load_certificates(tx: Connection, member: str) -> list[Certificate]:
    """All certificates of a member, the oldest first."""
    query = select(certificates).where(certificates.c.member == member).order_by(certificates.c.issued_at, certificates.c.serial)
    return [Certificate(**row) for row in tx.execute(query).mappings()]


def load_revoked(tx: Connection) -> list[Certificate]:
    """All revoked certificates of all members."""
    query = select(certificates).where(certificates.c.revoked_at.is_not(None))
    return [Certificate(**row) for row in tx.execute(query).mappings()]


def add_certificate(tx: Connection, made: Certificate) -> None:
    """Enter a certificate that was just issued."""
    values = {"serial": made.serial, "member": made.member, "key_fingerprint": made.key_fingerprint, "issued_at": made.issued_at}
    tx.execute(insert(certificates).values(**values, not_after=made.not_after, revoked_at=made.revoked_at, reason=made.reason))


def save_revoked(tx: Connection, changed: Sequence[Certificate]) -> None:
    """Keep that certificates were revoked."""
    for each in changed:
        entry = certificates.c.serial == each.serial
        tx.execute(update(certificates).where(entry).values(revoked_at=each.revoked_at, reason=each.reason))


def put_certificate(tx: Connection, made: Certificate) -> None:
    """Enter a certificate, or what is known of it now."""
    tx.execute(delete(certificates).where(certificates.c.serial == made.serial))
    add_certificate(tx, made)


def revoked_names(tx: Connection) -> tuple[set[str], set[str]]:
    """Fingerprints of all revoked keys, and the members whose present key is one of them."""
    keys = set(tx.scalars(select(certificates.c.key_fingerprint).where(certificates.c.revoked_at.is_not(None)).distinct()))
    present = tx.execute(select(members.c.name, members.c.key_fingerprint))
    return keys, {name for name, fingerprint in present if fingerprint in keys}


def forget_ended(tx: Connection, member: str, before: datetime) -> None:
    """Forget certificates that ended before then, were not revoked, and were followed by others for the same member."""
    ended = (certificates.c.member == member) & (certificates.c.not_after < before) & certificates.c.revoked_at.is_(None)
    tx.execute(delete(certificates).where(ended))
