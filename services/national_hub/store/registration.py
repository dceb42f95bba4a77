"""What the hub keeps of members, units, tokens, and the signed directory that nodes fetch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, String, Table, delete, insert, select, update

from twelve333.adapters.sql.database import note
from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.registration.model import JoinToken, Level, Member, Unit, UnitStatus
from twelve333.data import provinces

from .metadata import metadata

DIRECTORY = "directory"  # noted by a unit of work that made another version, as every change of members and units does

members = Table(
    "members",
    metadata,
    Column("name", String(6), primary_key=True),
    Column("endpoint", String(262), nullable=False),
    Column("key_fingerprint", String(64), nullable=False),
    Column("joined_at", UtcDateTime, nullable=False),
)
units = Table(
    "units",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("province", String(6), nullable=False, index=True),
    Column("parent", String(6), nullable=False),
    Column("level", String(16), nullable=False),
    Column("member", String(6), nullable=False),
    Column("status", String(16), nullable=False),
    Column("with_system", Boolean, nullable=False),
    Column("silent_since", UtcDateTime, nullable=True),
)
join_tokens = Table(
    "join_tokens",
    metadata,
    Column("secret_sha256", String(64), primary_key=True),
    Column("province", String(6), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_by", String(64), nullable=False),
)
directory = Table(
    "directory",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("document", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class DirectoryRow:
    """The present directory: its version and the signed document, as bytes of `SignedDocument`."""

    version: int
    made_at: datetime
    document: bytes


def load_members(tx: Connection) -> list[Member]:
    """All members in the order of their names."""
    rows = tx.execute(select(members).order_by(members.c.name)).mappings()
    return [Member(**row) for row in rows]


def member_names(tx: Connection) -> list[str]:
    """The names of all members but the hub: those whom the hub tells things."""
    return list(tx.scalars(select(members.c.name).where(members.c.name != "hub").order_by(members.c.name)))


def may_join(tx: Connection) -> set[str]:
    """Who may be a member: the reporting bodies, and units that are registered, with a node of their own."""
    return {*provinces(), *tx.scalars(select(units.c.code).where(units.c.status != UnitStatus.CLOSED.value))}


def save_member(tx: Connection, member: Member) -> None:
    """Enter a member or replace it."""
    tx.execute(delete(members).where(members.c.name == member.name))
    values = {"name": member.name, "endpoint": member.endpoint, "key_fingerprint": member.key_fingerprint, "joined_at": member.joined_at}
    tx.execute(insert(members).values(values))


def load_units(tx: Connection, province: str = "", status: UnitStatus | None = None) -> list[Unit]:
    """Units in the order of their codes, those of one province or status if given."""
    query = select(units).order_by(units.c.code)
    if province:
        query = query.where(units.c.province == province)
    if status:
        query = query.where(units.c.status == status.value)
    return [_unit(row) for row in tx.execute(query).mappings()]


def load_unit(tx: Connection, code: str) -> Unit | None:
    """One unit, or None."""
    row = tx.execute(select(units).where(units.c.code == code)).mappings().first()
    return _unit(row) if row else None


def serving(tx: Connection) -> dict[str, str]:
    """The member that serves each unit, of those that are not closed."""
    return dict(tx.execute(select(units.c.code, units.c.member).where(units.c.status != UnitStatus.CLOSED.value)).tuples().all())


def save_units(tx: Connection, changed: Sequence[Unit]) -> None:
    """Enter units or replace them."""
    if not changed:
        return
    tx.execute(delete(units).where(units.c.code.in_([unit.code for unit in changed])))
    tx.execute(insert(units), [_values(unit) for unit in changed])


def load_token(tx: Connection, secret_sha256: str) -> JoinToken | None:
    """The token kept under this hash, or None."""
    row = tx.execute(select(join_tokens).where(join_tokens.c.secret_sha256 == secret_sha256)).mappings().first()
    return JoinToken(**row) if row else None


def add_token(tx: Connection, token: JoinToken) -> None:
    """Enter a new token."""
    values = {"secret_sha256": token.secret_sha256, "province": token.province, "expires_at": token.expires_at, "used_by": token.used_by}
    tx.execute(insert(join_tokens).values(values))


def mark_token(tx: Connection, token: JoinToken) -> None:
    """Keep who used the token."""
    tx.execute(update(join_tokens).where(join_tokens.c.secret_sha256 == token.secret_sha256).values(used_by=token.used_by))


def end_tokens(tx: Connection, now: datetime) -> None:
    """End every token that is not known to be used."""
    unused = (join_tokens.c.used_by == "") & (join_tokens.c.expires_at > now)
    tx.execute(update(join_tokens).where(unused).values(expires_at=now))


def load_directory(tx: Connection) -> DirectoryRow | None:
    """The present directory, or None before the first."""
    row = tx.execute(select(directory).order_by(directory.c.version.desc()).limit(1)).mappings().first()
    return DirectoryRow(**row) if row else None


def save_directory(tx: Connection, row: DirectoryRow) -> None:
    """Keep a new version in place of the one before."""
    note(tx, DIRECTORY)
    tx.execute(delete(directory))
    tx.execute(insert(directory).values(version=row.version, made_at=row.made_at, document=row.document))


def _unit(row: object) -> Unit:
    values = dict(row)  # type: ignore[call-overload]
    return Unit(**{**values, "level": Level(values["level"]), "status": UnitStatus(values["status"])})


def _values(unit: Unit) -> dict[str, object]:
    return {
        "code": unit.code,
        "name": unit.name,
        "province": unit.province,
        "parent": unit.parent,
        "level": unit.level.value,
        "member": unit.member,
        "status": unit.status.value,
        "with_system": unit.with_system,
        "silent_since": unit.silent_since,
    }
