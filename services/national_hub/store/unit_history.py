"""Where each unit stood, and from when: kept for ever, so that coverage can be counted for any date, and plans beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, Connection, Integer, String, Table, delete, false, func, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.coverage.history import Standing
from twelve333.core.registration.model import Unit, UnitStatus

from .metadata import metadata

unit_history = Table(
    "unit_history",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("since", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("with_system", Boolean, nullable=False),
    Column("planned", Boolean, nullable=False),  # a step that is intended, not one that was taken
    Column("silent", Boolean, nullable=False, server_default=false()),  # it does not count as open, for want of a sign of life
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A step that a unit intends to take."""

    code: str
    status: UnitStatus
    with_system: bool
    on: datetime


def note_units(tx: Connection, units: Iterable[Unit], since: datetime) -> None:
    """Write down where units stand from `since` on."""
    _add(tx, [(unit.code, since, unit.status, unit.with_system, False, unit.silent_since is not None) for unit in units])


def note_plan(tx: Connection, plan: Plan) -> None:
    """Write down what a unit intends."""
    _add(tx, [(plan.code, plan.on, plan.status, plan.with_system, True, False)])


def replace_history(tx: Connection, code: str, history: Sequence[Standing]) -> None:
    """Write down where a unit stood, in place of what was there."""
    tx.execute(delete(unit_history).where(unit_history.c.code == code))
    _add(tx, [(each.code, each.since, each.status, each.with_system, each.planned, each.silent) for each in history])


def load_standings(tx: Connection, codes: Collection[str] | None = None) -> list[Standing]:
    """Everything that was ever written down, of some units if they are named, in the order in which it was."""
    query = select(unit_history).order_by(unit_history.c.code, unit_history.c.number)
    rows = tx.execute(query if codes is None else query.where(unit_history.c.code.in_(codes)))
    return [Standing(row.code, row.since, UnitStatus(row.status), row.with_system, row.planned, row.silent) for row in rows]


def _add(tx: Connection, rows: Sequence[tuple[str, datetime, UnitStatus, bool, bool, bool]]) -> None:
    if not rows:
        return
    codes = {code for code, *_ in rows}
    counted = select(unit_history.c.code, func.max(unit_history.c.number)).group_by(unit_history.c.code)
    last = dict(tx.execute(counted.where(unit_history.c.code.in_(codes))).tuples().all())
    noted = []
    for code, since, status, with_system, planned, silent in rows:
        last[code] = number = last.get(code, 0) + 1
        values = {"since": since, "status": status.value, "with_system": with_system, "planned": planned, "silent": silent}
        noted.append({"code": code, "number": number, **values})
    tx.execute(insert(unit_history), noted)
