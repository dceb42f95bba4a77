"""What a node forgets of calls by the time that passed: seats nobody spoke of again, and what was told with calls that came back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, update

from twelve333.core.routing.machine import HOLDS_SEAT, HandoffState

from .routing import handoffs, seat_leases

_SEAT_STATES = sorted(state.value for state in HOLDS_SEAT)


def close_silent(tx: Connection, before: datetime) -> int:
    """Close leases that ran out before that time without a word from the origin, and forget their context; how many those were."""
    gone = (seat_leases.c.held_until < before) & seat_leases.c.state.in_(_SEAT_STATES)
    closed = update(seat_leases).where(gone).values(context=[], state=HandoffState.EXPIRED.value)
    return tx.execute(closed).rowcount


def forget_returned(tx: Connection, now: datetime) -> None:
    """Forget what was told with calls that came back, where nobody may ask for it any more."""
    tx.execute(update(handoffs).where(handoffs.c.context_until <= now).values(context=[], context_until=None))
