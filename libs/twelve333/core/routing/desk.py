"""The desktops of the unit that accepted: whose the call is among them, and how it can end there.

The seat was leased before anybody's telephone rang. Who takes the call first has it, and nobody else may end it. What cannot be gone on
with goes back to the consultant who handed it on, with the reason.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ..decision import Decision, Refusal, refuse
from . import codes
from .handoff import check_reason
from .machine import STEPS, HandoffState
from .offers import Lease


def take_call(lease: Lease, holder: str, now: datetime) -> Decision[Lease] | Refusal:
    """Give a call that rings to the desktop that asks first; asked again, it has it already.

    Args:
        lease: the seat it holds.
        holder: the desktop or system.
        now: aware time.
    """
    if not lease.is_held(now):
        return refuse(codes.OFFER_EXPIRED, offer=lease.offer.id)
    if lease.taken_by not in ("", holder):
        return refuse(codes.CALL_TAKEN, id=lease.offer.call.id)
    return Decision(replace(lease, taken_by=holder))


def end_call(lease: Lease, holder: str, to: HandoffState, reason: str, now: datetime) -> Decision[Lease] | Refusal:
    """End a call on the side of the unit that accepted; the seat is free at once.

    Args:
        lease: the seat it holds.
        holder: the desktop or system that says so; empty: an operator, who may end any.
        to: COMPLETED, or RETURNED to who handed it on.
        reason: for RETURNED, a short word in UPPER_SNAKE.
        now: aware time.
    """
    if lease.state is to:
        return Decision(lease)
    if holder and lease.taken_by not in ("", holder):
        return refuse(codes.CALL_TAKEN, id=lease.offer.call.id)
    if to not in STEPS[lease.state]:
        return refuse(codes.HANDOFF_STEP, id=lease.offer.call.id, state=lease.state.value, to=to.value)
    if to is HandoffState.RETURNED and (refusal := check_reason(reason)):
        return refusal
    return Decision(replace(lease, state=to, held_until=min(lease.held_until, now)))
