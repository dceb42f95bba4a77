"""What the hub keeps of handoffs: each step that an origin told, for supervision and statistics."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, String, Table, func, select

from twelve333.adapters.sql.prepared import insert_rows, kept_once
from twelve333.adapters.sql.types import UtcDateTime
from twelve333.core.routing.handoff import Step
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.messages import HandoffTold
from twelve333.core.routing.model import Call

from .metadata import metadata

handoff_steps = Table(
    "handoff_steps",
    metadata,
    Column("origin", String(6), primary_key=True),
    Column("handoff_id", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, index=True),
    Column("from_unit", String(6), nullable=False),
    Column("unit", String(6), nullable=False),
    Column("region", String(6), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("reason", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    info=kept_once(),
)


def keep_steps(tx: Connection, origin: str, told: HandoffTold) -> None:
    """Keep the steps that are not kept yet; those known already are the same steps.

    Args:
        tx: the unit of work.
        origin: the member that told them.
        told: what it told.
    """
    rows = [
        {
            "origin": origin,
            "handoff_id": told.call.id,
            "number": step.number,
            "state": step.state.value,
            "from_unit": told.from_unit,
            "unit": step.unit,
            "region": told.call.region,
            "topic": told.call.topic,
            "reason": step.reason,
            "at": step.at,
        }
        for step in told.steps
    ]
    if rows:
        insert_rows(tx, handoff_steps, rows)


def told_since(tx: Connection, origin: str, since: datetime, after: str, limit: int) -> list[HandoffTold]:
    """Handoffs of an origin with a step at that time or later, every step of each, in the order of their ids behind `after`."""
    it = handoff_steps.c
    late = (it.origin == origin) & (it.at >= since) & (it.handoff_id > after)
    ids = list(tx.scalars(select(it.handoff_id).where(late).distinct().order_by(it.handoff_id).limit(limit)))
    query = select(handoff_steps).where(it.origin == origin, it.handoff_id.in_(ids)).order_by(it.handoff_id, it.number)
    found: dict[str, HandoffTold] = {}
    for row in tx.execute(query) if ids else ():
        before = found.get(row.handoff_id) or HandoffTold(Call(row.handoff_id, row.region, topic=row.topic), row.from_unit, (), "")
        step = Step(row.number, HandoffState(row.state), row.unit, row.reason, row.at)
        found[row.handoff_id] = replace(before, steps=(*before.steps, step))
    return list(found.values())


def count_steps(tx: Connection) -> dict[HandoffState, int]:
    """How often each state was reached in the whole country."""
    rows = tx.execute(select(handoff_steps.c.state, func.count().label("steps")).group_by(handoff_steps.c.state))
    return {HandoffState(row.state): row.steps for row in rows}
