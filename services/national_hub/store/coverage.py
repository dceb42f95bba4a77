"""What the hub keeps of declarations: every one that was ever in force, or is to be, so that one can say later what held when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, func, insert, select, update

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.coverage.v1.coverage_pb2 import Declaration
from twelve333.core.coverage.dated import begins_at, is_ahead
from twelve333.core.coverage.declaring import check
from twelve333.core.decision import Refused
from twelve333.wire.declarations import declaration_from_wire

from .metadata import metadata
from .registration import units

declarations = Table(
    "declarations",
    metadata,
    Column("unit", String(6), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("declaration", LargeBinary, nullable=False),
    Column("begins_at", UtcDateTime, nullable=True),  # of one that is dated ahead; of others it holds since it was entered
    Column("cancelled_at", UtcDateTime, nullable=True),  # of one that was taken back, or entered anew, before its day
)
_since = func.coalesce(declarations.c.begins_at, declarations.c.changed_at).label("since")
_counts = declarations.c.cancelled_at.is_(None)


def enter_declaration(tx: Connection, unit: str, declaration: Declaration, now: datetime) -> bool:
    """Check a declaration and keep it if it differs from the one in force, or from the one for its day; whether it did.

    Args:
        tx: the unit of work.
        unit: whose it is; all units it names must be entered already.
        declaration: as it came; kept as it came, with fields of a newer version.
        now: aware time.

    Raises:
        Refused: COVERAGE_DECLARATION_INVALID, with every wrong field.
    """
    declared = declaration_from_wire(declaration)
    known = set(tx.scalars(select(units.c.code).where(units.c.code.in_(declared.fallbacks))))
    refusal = check(declared, unit, known)
    if refusal:
        raise Refused(refusal)
    begins = begins_at(declared.in_force_from) if declared.in_force_from and is_ahead(declared, now) else None
    same_day = [held for held in load_upcoming(tx, now, unit) if held.in_force_from == declaration.in_force_from]
    if declaration in (same_day if begins else [load_declaration(tx, unit, now)]):
        return False
    if begins:
        cancel_upcoming(tx, unit, now, begins)
    keep_declaration(tx, unit, declaration, now, begins)
    return True


def keep_declaration(tx: Connection, unit: str, declaration: Declaration, now: datetime, begins: datetime | None = None) -> None:
    """Keep a declaration that was checked as the one in force, or from `begins` on."""
    last = tx.scalar(select(func.max(declarations.c.revision)).where(declarations.c.unit == unit)) or 0
    text = declaration.SerializeToString(deterministic=True)
    tx.execute(insert(declarations).values(unit=unit, revision=last + 1, changed_at=now, declaration=text, begins_at=begins))


def cancel_upcoming(tx: Connection, unit: str, now: datetime, begins: datetime | None = None) -> int:
    """Take back what a unit declared for days to come, or for one of them; how many."""
    ahead = (declarations.c.unit == unit) & (declarations.c.begins_at > now) & _counts
    if begins is not None:
        ahead &= declarations.c.begins_at == begins
    return tx.execute(update(declarations).where(ahead).values(cancelled_at=now)).rowcount


def is_declared(tx: Connection, unit: str) -> bool:
    """Whether a unit has declared anything, for now or for a day to come."""
    return tx.scalar(select(declarations.c.revision).where(declarations.c.unit == unit, _counts).limit(1)) is not None


def load_declaration(tx: Connection, unit: str, now: datetime) -> Declaration | None:
    """The declaration of a unit that is in force, or None."""
    begun = select(declarations.c.declaration).where(declarations.c.unit == unit, _counts, _since <= now)
    kept = tx.scalar(begun.order_by(_since.desc(), declarations.c.revision.desc()).limit(1))
    return Declaration.FromString(kept) if kept is not None else None


def load_declarations(tx: Connection, now: datetime) -> list[Declaration]:
    """All declarations that are in force, in the order of their units."""
    order = func.row_number().over(partition_by=declarations.c.unit, order_by=(_since.desc(), declarations.c.revision.desc()))
    begun = select(declarations.c.unit, declarations.c.declaration, order.label("place")).where(_counts, _since <= now).subquery()
    rows = tx.scalars(select(begun.c.declaration).where(begun.c.place == 1).order_by(begun.c.unit))
    return [Declaration.FromString(kept) for kept in rows]


def load_upcoming(tx: Connection, now: datetime, unit: str = "") -> list[Declaration]:
    """Declarations for days to come, in the order of their days; those of one unit if given."""
    query = select(declarations.c.declaration).where(declarations.c.begins_at > now, _counts)
    if unit:
        query = query.where(declarations.c.unit == unit)
    return [Declaration.FromString(kept) for kept in tx.scalars(query.order_by(declarations.c.begins_at, declarations.c.unit))]


def load_history(tx: Connection, unit: str) -> list[tuple[datetime, Declaration]]:
    """Every declaration of a unit that was not cancelled, with the time from which it held or holds, the oldest first."""
    query = select(_since, declarations.c.declaration).where(declarations.c.unit == unit, _counts)
    rows = tx.execute(query.order_by(_since, declarations.c.revision))
    return [(row.since, Declaration.FromString(row.declaration)) for row in rows]
