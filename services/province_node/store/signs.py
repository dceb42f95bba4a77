"""Calls that somebody at a unit took: signs of its life."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from twelve333.core.routing.machine import HandoffState

from .routing import seat_leases

_SPOKEN = (HandoffState.CONNECTED.value, HandoffState.COMPLETED.value)


def answered_since(tx: Connection, since: datetime) -> dict[str, datetime]:
    """When each unit last took a call in which somebody spoke, of those accepted since then."""
    leases = seat_leases.c
    spoken = select(leases.unit, func.max(leases.accepted_at)).where(leases.accepted_at >= since, leases.state.in_(_SPOKEN))
    return dict(tx.execute(spoken.group_by(leases.unit)).tuples().all())
