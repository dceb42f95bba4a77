"""Calls between this node and another one, as they are returned to the one that has forgotten them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select, union, update

from twelve333.adapters.sql.database import note
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.offers import Lease

from .routing import CHANGED, add_handoff, add_steps, call_values, changing, handoff_steps, handoffs, known_handoffs, seat_leases

PAGE: Final = 100


def between(tx: Connection, member: str, since: datetime, after: str) -> tuple[list[Handoff], list[Lease], str]:
    """A page of the calls that `member` accepted of us and of those that we accepted of it, since a time and behind an id.

    Returns:
        The handoffs, the leases, and the id behind which there is more; empty if there is none.
    """
    placed = (handoffs.c.member == member) & (handoffs.c.placed_at >= since) & (handoffs.c.id > after)
    leased = (seat_leases.c.from_member == member) & (seat_leases.c.accepted_at >= since) & (seat_leases.c.handoff_id > after)
    both = union(select(handoffs.c.id).where(placed), select(seat_leases.c.handoff_id).where(leased)).subquery()
    ids = list(tx.scalars(select(both.c.id).order_by(both.c.id).limit(PAGE)))
    outgoing, incoming = known_handoffs(tx, ids) if ids else ([], [])
    outgoing = [each for each in outgoing if each.member == member]
    incoming = [each for each in incoming if each.offer.from_member == member]
    return outgoing, incoming, ids[-1] if len(ids) == PAGE else ""


def put(tx: Connection, handoff: Handoff) -> None:
    """Keep a handoff of ours as it came back, with its steps in place of those that were kept; its context and decision stay."""
    mine = handoffs.c.id == handoff.call.id
    if tx.scalar(select(handoffs.c.id).where(mine)) is None:
        add_handoff(tx, handoff, ())
        return
    values = call_values(handoff.call, handoff.from_unit) | changing(handoff)
    tx.execute(update(handoffs).where(mine).values(values))
    tx.execute(delete(handoff_steps).where(handoff_steps.c.handoff_id == handoff.call.id))
    add_steps(tx, handoff.call.id, handoff.steps)
    note(tx, CHANGED, handoff.call.id)
