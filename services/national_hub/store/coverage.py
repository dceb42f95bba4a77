"""What the hub keeps of declarations: every one that was ever in force, so that one can say later what held when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, and_, func, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.coverage.v1.coverage_pb2 import Declaration
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
)


def enter_declaration(tx: Connection, unit: str, declaration: Declaration, now: datetime) -> bool:
    """Check a declaration and keep it if it differs from the one in force; whether it did.

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
    if load_declaration(tx, unit) == declaration:
        return False
    keep_declaration(tx, unit, declaration, now)
    return True


def keep_declaration(tx: Connection, unit: str, declaration: Declaration, now: datetime) -> None:
    """Keep a declaration that was checked as the one in force."""
    last = tx.scalar(select(func.max(declarations.c.revision)).where(declarations.c.unit == unit)) or 0
    text = declaration.SerializeToString(deterministic=True)
    tx.execute(insert(declarations).values(unit=unit, revision=last + 1, changed_at=now, declaration=text))


def load_declaration(tx: Connection, unit: str) -> Declaration | None:
    """The declaration of a unit that is in force, or None."""
    query = select(declarations.c.declaration).where(declarations.c.unit == unit).order_by(declarations.c.revision.desc()).limit(1)
    kept = tx.scalar(query)
    return Declaration.FromString(kept) if kept is not None else None


def load_declarations(tx: Connection) -> list[Declaration]:
    """All declarations that are in force, in the order of their units."""
    latest = select(declarations.c.unit, func.max(declarations.c.revision).label("revision")).group_by(declarations.c.unit).subquery()
    present = and_(declarations.c.unit == latest.c.unit, declarations.c.revision == latest.c.revision)
    rows = tx.scalars(select(declarations.c.declaration).join(latest, present).order_by(declarations.c.unit))
    return [Declaration.FromString(kept) for kept in rows]


def load_history(tx: Connection, unit: str) -> list[tuple[datetime, Declaration]]:
    """Every declaration of a unit with the time from which it held, the oldest first."""
    query = select(declarations.c.changed_at, declarations.c.declaration).where(declarations.c.unit == unit)
    rows = tx.execute(query.order_by(declarations.c.revision))
    return [(row.changed_at, Declaration.FromString(row.declaration)) for row in rows]
