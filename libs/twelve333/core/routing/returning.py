"""What a node that was put back to a backup takes back of its calls, from the hub and from the nodes on their other side.

Rules: the hub holds every step as the origin told it, so its history stands; of two steps of the origin in one place the earlier stands.
The other side knows how the call stands, not how it came to that: what it knows is put behind the steps that are known, as far as the table
of states leads there, and stands alone where nothing else is known. A seat that was forgotten is held again until it was to end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..decision import Decision, Refusal, refuse
from . import codes
from .handoff import Handoff, Step
from .machine import HOLDS_SEAT, STEPS, HandoffState
from .messages import HandoffTold
from .model import Call, LastResort, LastResortKind
from .offers import Lease, Offer

_SETTLED_BY: Final = {f"ROUTING_SETTLED_BY_{kind.name}": kind for kind in LastResortKind}
Holds = Mapping[HandoffState, timedelta]  # how long a seat is held from a step to this state on


@dataclass(frozen=True, slots=True)
class Known:
    """How the other side of a call knows it.

    Args:
        call, from_unit, offer_id: as it was offered.
        unit: that accepted.
        state: where it stands.
        target: where it was put through to, while it is.
        accepted_at: when.
        held_until: until when the seat is held; None: no longer.
        context_sha256: hash of the context.
    """

    call: Call
    from_unit: str
    offer_id: str
    unit: str
    state: HandoffState
    target: str
    accepted_at: datetime
    held_until: datetime | None
    context_sha256: bytes = b""


def told_again(ours: Handoff | None, told: HandoffTold, member: str, holds: Holds) -> Decision[Handoff] | Refusal:
    """Decide on the steps that the hub returns; no events: they bring nothing new.

    Args:
        ours: the handoff as it is known here.
        told: what we had told the hub, from the first step on.
        member: that serves the last unit asked.
        holds: how long seats are held.

    Refusals: `ROUTING_HANDOFF_STEP`: the table has no such history.
    """
    if refusal := _check(told):
        return refusal
    base = ours or Handoff(told.call, told.from_unit)
    if not _gives_way(base.steps, told.steps):
        return Decision(base)
    after = _standing(replace(base, steps=told.steps), member, holds)
    news = told.steps[_common(base.steps, told.steps) :]
    led = _led_to(after, base.state, told.steps[-1].at) if ours and _is_pieced(base) else after
    return Decision(led, (*news, *led.steps[len(after.steps) :]))


def known_there(ours: Handoff | None, known: Known, member: str) -> Decision[Handoff] | Refusal:
    """Decide on what the node that accepted a call of ours says of it; no events: it brings nothing new.

    Args:
        ours: the handoff as it is known here.
        known: how it stands there.
        member: who says so.

    Refusals: `ROUTING_OFFER_NOT_YOURS`: it was another one that accepted.
    """
    if ours is None:
        offered = Step(1, HandoffState.OFFERED, known.unit, codes.STEP_RETURNED.name, known.accepted_at)
        taken = Step(2, HandoffState.ACCEPTED, known.unit, codes.STEP_RETURNED.name, known.accepted_at)
        ours = Handoff(known.call, known.from_unit, HandoffState.ACCEPTED, known.unit, steps=(offered, taken))
        met = _met(ours, known, member)
        return Decision(met, met.steps)
    if ours.unit != known.unit or ours.member not in ("", member):
        return refuse(codes.OFFER_NOT_YOURS, offer=known.offer_id[:80])
    after = _met(ours, known, member)
    return Decision(after, after.steps[len(ours.steps) :] or ((after,) if after != ours else ()))


def known_at_origin(ours: Lease | None, known: Known, origin: str) -> Decision[Lease]:
    """Decide on what the origin says of a call that we had accepted; what we know of it ourselves, its events bring up to date.

    Args:
        ours: the seat as it is known here.
        known: how the call stands at its origin.
        origin: who says so.
    """
    if ours is not None:
        return Decision(ours)
    offer = Offer(known.offer_id, known.call, known.from_unit, origin, known.unit, known.accepted_at, known.context_sha256)
    lease = Lease(offer, known.state, known.target, known.accepted_at, known.held_until or known.accepted_at)
    return Decision(lease, (lease,))


def _check(told: HandoffTold) -> Refusal | None:
    before = HandoffState.NEW
    for number, step in enumerate(told.steps, 1):
        if step.number != number or step.state not in STEPS[before]:
            return refuse(codes.HANDOFF_STEP, id=told.call.id[:64], state=before.value, to=step.state.value)
        before = step.state
    return None


def _gives_way(ours: tuple[Step, ...], told: tuple[Step, ...]) -> bool:
    """Whether our history gives way to the told one: it is shorter, pieced together, or left it with a later step."""
    place = _common(ours, told)
    if place == len(told):
        return False
    return place == len(ours) or ours[place].reason == codes.STEP_RETURNED.name or told[place].at < ours[place].at


def _common(ours: tuple[Step, ...], told: tuple[Step, ...]) -> int:
    return next((at for at, (one, other) in enumerate(zip(ours, told, strict=False)) if one != other), min(len(ours), len(told)))


def _is_pieced(handoff: Handoff) -> bool:
    return any(step.reason == codes.STEP_RETURNED.name for step in handoff.steps)


def _standing(handoff: Handoff, member: str, holds: Holds) -> Handoff:
    """The handoff as its steps make it."""
    last, reached = handoff.steps[-1], {step.state for step in handoff.steps}
    asked = HandoffState.LAST_RESORT not in reached
    return replace(
        handoff,
        state=last.state,
        unit=last.unit,
        member=member if asked else "",
        offer_id=f"{handoff.call.id}.{last.unit}" if asked else "",
        reason=last.reason,
        last_resort=_last_resort(handoff),
        held_until=last.at + holds[last.state] if last.state in HOLDS_SEAT else None,
        target=handoff.target if last.state in HOLDS_SEAT else "",
    )


def _last_resort(handoff: Handoff) -> LastResort | None:
    """How it was carried out, as the step says; before that it may be any."""
    for step in handoff.steps:
        if step.state is HandoffState.SETTLED:
            return LastResort(_SETTLED_BY.get(step.reason, LastResortKind.CASE), step.unit)
    return handoff.last_resort


def _met(ours: Handoff, known: Known, member: str) -> Handoff:
    call = ours.call if ours.call.visited else known.call  # the hub keeps a part of it
    met = replace(ours, call=call, member=member, offer_id=known.offer_id, context_sha256=ours.context_sha256 or known.context_sha256)
    if ours.state not in HOLDS_SEAT:
        return met
    met = _led_to(met, known.state, known.accepted_at)
    holds = met.state in HOLDS_SEAT
    return replace(met, target=known.target if holds else "", held_until=(known.held_until or met.held_until) if holds else None)


def _led_to(handoff: Handoff, to: HandoffState, at: datetime) -> Handoff:
    """The handoff in a state that it is known to have come to, over the conversation if need be; as it is if the table leads nowhere."""
    if to in STEPS[handoff.state]:
        via: tuple[HandoffState, ...] = (to,)
    elif HandoffState.CONNECTED in STEPS[handoff.state] and to in STEPS[HandoffState.CONNECTED]:
        via = (HandoffState.CONNECTED, to)
    else:
        return handoff
    for state in via:
        moment = max(at, handoff.steps[-1].at)
        step = Step(len(handoff.steps) + 1, state, handoff.unit, codes.STEP_RETURNED.name, moment)
        handoff = replace(handoff, state=state, reason=step.reason, steps=(*handoff.steps, step))
    return handoff if handoff.state in HOLDS_SEAT else replace(handoff, held_until=None, target="")
