"""How many calls the database holds, by what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, case, func, select, true

from twelve333.core.routing.books import Kept
from twelve333.core.routing.machine import HandoffState

from .routing import handoffs, seat_leases


def count_outgoing(tx: Connection, start: datetime, since: datetime, held_after: datetime) -> list[Kept]:
    """Calls placed since `start`.

    Args:
        tx: the unit of work.
        start: from when on.
        since: which of them are from before this.
        held_after: a seat held until later than this is held.
    """
    return _count(tx, handoffs, handoffs.c.placed_at, start, since, held_after, true())


def count_incoming(tx: Connection, member: str, start: datetime, since: datetime, held_after: datetime) -> list[Kept]:
    """Calls of others than `member` accepted since `start`; the other arguments as in `count_outgoing`."""
    return _count(tx, seat_leases, seat_leases.c.accepted_at, start, since, held_after, seat_leases.c.from_member != member)


def _count(
    tx: Connection,
    table: Table,
    came_at: Column[Any],
    start: datetime,
    since: datetime,
    held_after: datetime,
    which: ColumnElement[bool],
) -> list[Kept]:
    held = case((table.c.held_until > held_after, 1), else_=0)
    before = case((came_at < since, 1), else_=0)
    query = select(table.c.state, held, before, func.count()).where((came_at >= start) & which).group_by(table.c.state, held, before)
    return [Kept(HandoffState(state), bool(is_held), bool(is_before), calls) for state, is_held, is_before, calls in tx.execute(query)]
