"""A handoff as its origin keeps it: which steps it may take, and what it then knows.

The origin owns the record. Every step is numbered and kept, so that one can say afterwards who was asked, what they said and when.
A step that is taken already is success and changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..coverage.model import Candidate
from ..decision import Code, Decision, Refusal, refuse
from . import codes
from .machine import HOLDS_SEAT, STEPS, HandoffState
from .model import Call, LastResort, LastResortKind, Route

_REASON: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its number from 1, the state it led to, the unit concerned, the reason's code, the time."""

    number: int
    state: HandoffState
    unit: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff.

    Args:
        call: the call; its id is the id of the handoff.
        from_unit: who hands it on, the first-asked unit of this hop.
        state: where it stands.
        unit, member: who is asked at the moment or took it; where the last resort is.
        offer_id: of the present offer.
        target: where to put the call through to, once accepted.
        reason: code of the reason for the state.
        last_resort: what is left, once nobody took it.
        held_until: until when the seat is held.
        steps: all steps so far.
        context_sha256: hash of the context, empty if there is none.
        route: the decision by which it was placed.
        placed_by: the desktop or system that placed it; known at its own node only, as is
        came_by: the handoff by which the call came there, if it went on.
    """

    call: Call
    from_unit: str
    state: HandoffState = HandoffState.NEW
    unit: str = ""
    member: str = ""
    offer_id: str = ""
    target: str = ""
    reason: str = ""
    last_resort: LastResort | None = None
    held_until: datetime | None = None
    steps: tuple[Step, ...] = ()
    context_sha256: bytes = b""
    route: Route | None = None
    placed_by: str = ""
    came_by: str = ""


def offer_to(handoff: Handoff, candidate: Candidate, now: datetime) -> Decision[Handoff] | Refusal:
    """Ask the next unit. A unit is asked once at most, so call and unit together name the offer."""
    changed = replace(handoff, unit=candidate.unit, member=candidate.member, offer_id=f"{handoff.call.id}.{candidate.unit}")
    return _step(handoff, changed, HandoffState.OFFERED, "", now)


def take(handoff: Handoff, target: str, hold: timedelta, now: datetime) -> Decision[Handoff] | Refusal:
    """The unit took it: put the call through to `target` within `hold`."""
    return _step(handoff, replace(handoff, target=target, held_until=now + hold), HandoffState.ACCEPTED, "", now)


def fail(handoff: Handoff, state: HandoffState, reason: Code, now: datetime) -> Decision[Handoff] | Refusal:
    """The unit said no, gave no answer in time, or cannot be reached.

    Args:
        handoff: with an offer out.
        state: REFUSED, EXPIRED or UNREACHABLE.
        reason: the other side's code, or what we observed.
        now: aware time.
    """
    return _step(handoff, handoff, state, reason.name, now)


def give_up(handoff: Handoff, last_resort: LastResort, now: datetime) -> Decision[Handoff] | Refusal:
    """Nobody took it."""
    changed = replace(handoff, unit=last_resort.unit, member="", offer_id="", last_resort=last_resort)
    return _step(handoff, changed, HandoffState.LAST_RESORT, codes.NOBODY_TOOK_IT.name, now)


def settle(handoff: Handoff, kind: LastResortKind, now: datetime) -> Decision[Handoff] | Refusal:
    """The last resort was carried out: as it was named, by a callback where a message was possible, or by a case, which always is."""
    offered, done = handoff.last_resort, handoff.state is HandoffState.SETTLED
    instead = kind is LastResortKind.CASE or (offered and offered.kind is LastResortKind.VOICEMAIL)
    if offered and kind is not offered.kind and (done or not instead):
        return refuse(codes.LAST_RESORT_OTHER, id=handoff.call.id, kind=offered.kind.value)
    unit = offered.unit if offered and kind is not LastResortKind.CASE else ""
    changed = replace(handoff, unit=unit, last_resort=LastResort(kind, unit))
    return _step(handoff, changed, HandoffState.SETTLED, f"ROUTING_SETTLED_BY_{kind.name}", now)


def connect(handoff: Handoff, hold: timedelta, now: datetime) -> Decision[Handoff] | Refusal:
    """The caller speaks with the unit; the seat is held for the length of a conversation."""
    return _step(handoff, replace(handoff, held_until=now + hold), HandoffState.CONNECTED, "", now)


def confer(handoff: Handoff, hold: timedelta, now: datetime) -> Decision[Handoff] | Refusal:
    """Three speak together: the consultant who hands on stays in until the other side has the caller."""
    return _step(handoff, replace(handoff, held_until=now + hold), HandoffState.CONFERENCE, "", now)


def complete(handoff: Handoff, now: datetime) -> Decision[Handoff] | Refusal:
    """The conversation is over."""
    return _step(handoff, handoff, HandoffState.COMPLETED, "", now)


def bring_back(handoff: Handoff, reason: str, now: datetime) -> Decision[Handoff] | Refusal:
    """The call is back where it came from, for a reason in UPPER_SNAKE."""
    return check_reason(reason) or _step(handoff, handoff, HandoffState.RETURNED, reason, now)


def check_reason(reason: str) -> Refusal | None:
    """Refuse what is not a short word in UPPER_SNAKE: a story may be personal."""
    return None if _REASON.fullmatch(reason) else refuse(codes.REASON_MALFORMED, reason=reason[:64])


def expire(handoff: Handoff, now: datetime) -> Decision[Handoff] | Refusal:
    """The call was accepted and never put through."""
    return _step(handoff, handoff, HandoffState.EXPIRED, codes.NOT_CONNECTED_IN_TIME.name, now)


def _step(handoff: Handoff, changed: Handoff, to: HandoffState, reason: str, now: datetime) -> Decision[Handoff] | Refusal:
    if handoff.state is to:
        return Decision(handoff)
    if to not in STEPS[handoff.state]:
        return refuse(codes.HANDOFF_STEP, id=handoff.call.id, state=handoff.state.value, to=to.value)
    step = Step(len(handoff.steps) + 1, to, changed.unit, reason, now)
    held = changed.held_until if to in HOLDS_SEAT else None
    target = changed.target if to in HOLDS_SEAT else ""
    after = replace(changed, state=to, reason=reason, held_until=held, target=target, steps=(*handoff.steps, step))
    return Decision(after, (step,))
