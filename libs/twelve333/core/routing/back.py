"""A call that came back to the consultant who handed it on: what he may read of it again, for how long, and who is left to try.

Rule served: the caller need not say it again. What he told was written down by that consultant, so it is kept for him a while longer, and
for nobody else; then it is forgotten like that of every call that is over. Where it goes on, it never comes to a unit again that had it,
and who was asked first stays who was (首问负责制).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ..coverage.model import Candidate
from ..decision import Refusal, refuse
from . import codes
from .handoff import Handoff
from .machine import HandoffState

KEPT_FOR: Final = timedelta(minutes=10)  # of what was told, from when it came back
_BACK: Final = frozenset({HandoffState.RETURNED, HandoffState.EXPIRED})
_GONE: Final = frozenset({codes.LAST_RESORT_NOT_USED.name, codes.CALLBACK_MISSED.name})  # the line is back, the caller is not


def is_back(handoff: Handoff) -> bool:
    """Whether the caller is with the one who handed him on: the other side gave him back, or never had him."""
    return handoff.state in _BACK and handoff.reason not in _GONE


def kept_until(handoff: Handoff) -> datetime | None:
    """Until when the origin keeps what was told with a call that came back; None if it did not, or nobody could ask for it."""
    return handoff.steps[-1].at + KEPT_FOR if is_back(handoff) and handoff.placed_by else None


def may_read(handoff: Handoff, reader: str, now: datetime) -> bool:
    """Whether somebody at the origin may read what was told: everybody while the call is under way, once it is back who placed it.

    Args:
        handoff: of the origin.
        reader: the desktop or system that asks.
        now: aware.
    """
    until = kept_until(handoff)
    return not is_back(handoff) or (until is not None and reader == handoff.placed_by and now < until)


def left_to_try(handoff: Handoff) -> tuple[Candidate, ...]:
    """Of the decision behind a handoff those that can answer and were not asked, in order; nobody once a unit has the call."""
    if handoff.route is None or not (is_back(handoff) or handoff.state is HandoffState.LAST_RESORT):
        return ()
    asked = {step.unit for step in handoff.steps if step.state is HandoffState.OFFERED}
    return tuple(candidate for candidate in handoff.route.to_try if candidate.unit not in asked)


def visited_again(handoff: Handoff, from_unit: str) -> tuple[str, ...] | Refusal:
    """Where a call was that came back and goes on: at who was asked first, at those between, at who gave it back, and here.

    Args:
        handoff: by which it was handed on before.
        from_unit: the unit that hands it on now.
    """
    if not is_back(handoff) or from_unit != handoff.from_unit:
        return refuse(codes.NOT_BACK, id=handoff.call.id, unit=from_unit[:6])
    before = handoff.call.visited[:-1] or (from_unit,)
    had = [step.unit for step in handoff.steps if step.state is HandoffState.ACCEPTED and step.unit not in before]
    return (*before, *had, from_unit)
