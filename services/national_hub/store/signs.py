"""The last sign of life of each unit."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, insert, select, update

from twelve333.adapters.sql.types import UtcDateTime

from .metadata import metadata

unit_signs = Table(
    "unit_signs",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(16), nullable=False),  # what it was: queue, call, declaration, proof, step
)


def note_signs(tx: Connection, codes: Collection[str], kind: str, at: datetime) -> None:
    """Note that units gave a sign; one that is older than what is known changes nothing."""
    known = dict(tx.execute(select(unit_signs.c.code, unit_signs.c.at).where(unit_signs.c.code.in_(codes))).tuples().all())
    if new := [code for code in codes if code not in known]:
        tx.execute(insert(unit_signs), [{"code": code, "at": at, "kind": kind} for code in new])
    if later := [code for code, held in known.items() if held < at]:
        tx.execute(update(unit_signs).where(unit_signs.c.code.in_(later)).values(at=at, kind=kind))


def load_signs(tx: Connection) -> dict[str, datetime]:
    """The last sign of each unit that ever gave one."""
    return dict(tx.execute(select(unit_signs.c.code, unit_signs.c.at)).tuples().all())


def load_sign(tx: Connection, code: str) -> tuple[datetime, str] | None:
    """The last sign of one unit, and what it was."""
    row = tx.execute(select(unit_signs.c.at, unit_signs.c.kind).where(unit_signs.c.code == code)).first()
    return (row.at, row.kind) if row else None
