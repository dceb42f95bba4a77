"""What the origin of a handoff tells the hub and the accepting node."""

from __future__ import annotations

from dataclasses import dataclass

from .handoff import Handoff, Step
from .model import Call


@dataclass(frozen=True, slots=True)
class HandoffTold:
    """Steps of a handoff, as told to others.

    Args:
        call: the call.
        from_unit: who hands it on.
        steps: those taken since the last time, in order.
        offer_id: of the offer that was accepted, empty if none was.
    """

    call: Call
    from_unit: str
    steps: tuple[Step, ...]
    offer_id: str


def told(handoff: Handoff, since: int = 0) -> HandoffTold:
    """Tell the steps of a handoff after number `since`."""
    return HandoffTold(handoff.call, handoff.from_unit, handoff.steps[since:], handoff.offer_id)
