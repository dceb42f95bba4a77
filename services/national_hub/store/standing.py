"""How members stand with roots and directory, as each last told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, LargeBinary, String, Table, delete, insert, select

from twelve333.adapters.sql.types import UtcDateTime

from .metadata import metadata

standings = Table(
    "member_standings",
    metadata,
    Column("member", String(6), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False),
    Column("standing", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class StandingRow:
    """What a member told, and when, as bytes of `MemberStanding`."""

    member: str
    told_at: datetime
    standing: bytes


def load_standings(tx: Connection) -> dict[str, StandingRow]:
    """What each member told last."""
    return {row["member"]: StandingRow(**row) for row in tx.execute(select(standings)).mappings()}


def save_standing(tx: Connection, row: StandingRow) -> None:
    """Keep what a member told in place of what it told before."""
    tx.execute(delete(standings).where(standings.c.member == row.member))
    tx.execute(insert(standings).values(member=row.member, told_at=row.told_at, standing=row.standing))
