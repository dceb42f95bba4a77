"""Calls that this node handed on, as they were decided: for the question what another rule would have done with them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from twelve333.api.routing.v1 import routing_pb2
from twelve333.core.routing.model import Call
from twelve333.wire.routing import route_from_wire

from .routing import handoffs


def past_calls(tx: Connection, since: datetime, until: datetime, limit: int) -> list[tuple[Call, datetime]]:
    """Calls that this node handed on in a period, the newest first, with the times of their decisions."""
    within = (handoffs.c.placed_at >= since) & (handoffs.c.placed_at < until) & (handoffs.c.route != b"")
    query = select(handoffs.c.route).where(within).order_by(handoffs.c.placed_at.desc()).limit(limit)
    routes = [route_from_wire(routing_pb2.Route.FromString(kept)) for kept in tx.scalars(query)]
    return [(route.call, route.decided_at) for route in routes]
