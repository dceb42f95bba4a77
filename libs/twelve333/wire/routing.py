"""Routes and handoffs between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..api.routing.v1 import events_pb2, policy_pb2, service_pb2
from ..api.routing.v1 import routing_pb2 as pb
from ..core.coverage.model import DEFAULT_LANGUAGE
from ..core.decision import Refused, refuse
from ..core.routing import codes
from ..core.routing.back import kept_until
from ..core.routing.context import ContextItem
from ..core.routing.handoff import Handoff, Step
from ..core.routing.machine import HandoffState
from ..core.routing.messages import HandoffTold
from ..core.routing.model import A_CASE, Call, LastResort, LastResortKind, Route
from ..core.routing.offers import Lease, Offer
from ..core.routing.visits import Visits
from .coverage import asked_time, candidate_from_wire, candidate_to_wire
from .observed import observed_from_wire, observed_to_wire
from .times import from_timestamp, to_timestamp
from .visits import visits_to_wire

_STATE_OUT: Final[dict[HandoffState, pb.HandoffState.ValueType]] = {
    state: pb.HANDOFF_STATE_UNSPECIFIED if state is HandoffState.NEW else pb.HandoffState.Value(f"HANDOFF_STATE_{state.name}")
    for state in HandoffState
}
_STATE_IN: Final = {wire: state for state, wire in _STATE_OUT.items() if state is not HandoffState.NEW}
KIND_OUT: Final = {kind: pb.LastResortKind.Value(f"LAST_RESORT_KIND_{kind.name}") for kind in LastResortKind}
KIND_IN: Final[Mapping[int, LastResortKind]] = {wire: kind for kind, wire in KIND_OUT.items()}


def state_to_wire(state: HandoffState) -> pb.HandoffState.ValueType:
    """The wire form of a state; unspecified before the first offer."""
    return _STATE_OUT[state]


def state_from_wire(state: pb.HandoffState.ValueType) -> HandoffState | None:
    """The state; None if not said, or said by a newer peer in a way we do not know."""
    return _STATE_IN.get(state)


def call_to_wire(call: Call) -> pb.Call:
    """A call as it travels."""
    return pb.Call(
        id=call.id,
        region=call.region,
        caller_region=call.caller_region,
        topic=call.topic,
        language=call.language,
        visited=call.visited,
        priority=call.priority,
        draw=call.draw,
    )


def call_from_wire(call: pb.Call) -> Call:
    """A call as somebody sent it; Chinese if no language is said."""
    language = call.language or DEFAULT_LANGUAGE
    return Call(call.id, call.region, call.caller_region, call.topic, language, tuple(call.visited), call.priority, call.draw)


def route_to_wire(route: Route) -> pb.Route:
    """A route as it travels."""
    return pb.Route(
        call=call_to_wire(route.call),
        candidates=[candidate_to_wire(candidate) for candidate in route.candidates],
        last_resort=_last_resort_out(route.last_resort),
        directory_version=route.version,
        decided_at=to_timestamp(route.decided_at),
        calendar_version=route.calendar,
        policies=[policy_pb2.PolicyRevision(unit=unit, revision=revision) for unit, revision in route.policies],
        observed=observed_to_wire(route.observed),
    )


def route_from_wire(route: pb.Route) -> Route:
    """A route as it was told."""
    candidates = tuple(map(candidate_from_wire, route.candidates))
    last_resort = _last_resort_in(route.last_resort)
    policies = tuple((each.unit, each.revision) for each in route.policies)
    decided_at, call = from_timestamp(route.decided_at), call_from_wire(route.call)
    observed = observed_from_wire(list(route.observed))
    return Route(call, candidates, last_resort, route.directory_version, decided_at, route.calendar_version, policies, observed)


def context_to_wire(items: Iterable[ContextItem]) -> list[pb.ContextItem]:
    """A context as it travels."""
    return [pb.ContextItem(name=item.name, text=item.text) for item in items]


def context_from_wire(items: Iterable[pb.ContextItem]) -> tuple[ContextItem, ...]:
    """A context as somebody sent it."""
    return tuple(ContextItem(item.name, item.text) for item in items)


def handoff_to_wire(handoff: Handoff, context: Sequence[ContextItem] = ()) -> pb.Handoff:
    """A handoff of the origin as it travels, with its context where that is to be shown."""
    shown = pb.Handoff(
        call=call_to_wire(handoff.call),
        from_unit=handoff.from_unit,
        state=state_to_wire(handoff.state),
        unit=handoff.unit,
        target=handoff.target,
        reason=handoff.reason,
        last_resort=_last_resort_out(handoff.last_resort) if handoff.last_resort else None,
        steps=[_step_out(step) for step in handoff.steps],
        context=context_to_wire(context),
        route=route_to_wire(handoff.route) if handoff.route else None,
    )
    if handoff.held_until:
        shown.seat_held_until.CopyFrom(to_timestamp(handoff.held_until))
    if until := kept_until(handoff):
        shown.context_until.CopyFrom(to_timestamp(until))
    return shown


def lease_to_wire(lease: Lease, context: Sequence[ContextItem] = ()) -> pb.Handoff:
    """An incoming handoff as it travels; of its steps this side knows when it accepted."""
    accepted = Step(1, HandoffState.ACCEPTED, lease.offer.unit, "", lease.accepted_at)
    return pb.Handoff(
        call=call_to_wire(lease.offer.call),
        from_unit=lease.offer.from_unit,
        state=state_to_wire(lease.state),
        unit=lease.offer.unit,
        target=lease.target,
        seat_held_until=to_timestamp(lease.held_until),
        steps=[_step_out(accepted)],
        context=context_to_wire(context),
        incoming=True,
        taken_by=lease.taken_by,
    )


def handoff_from_wire(handoff: pb.Handoff) -> Handoff:
    """A handoff as a caller of the SDK gets it (what the node keeps to itself is empty)."""
    return Handoff(
        call=call_from_wire(handoff.call),
        from_unit=handoff.from_unit,
        state=state_from_wire(handoff.state) or HandoffState.NEW,
        unit=handoff.unit,
        target=handoff.target,
        reason=handoff.reason,
        last_resort=_last_resort_in(handoff.last_resort) if handoff.HasField("last_resort") else None,
        held_until=from_timestamp(handoff.seat_held_until) if handoff.HasField("seat_held_until") else None,
        steps=tuple(map(_step_in, handoff.steps)),
        route=route_from_wire(handoff.route) if handoff.HasField("route") else None,
    )


def offer_to_wire(offer: Offer, visits: Visits | None = None) -> service_pb2.OfferHandoffRequest:
    """An offer as it travels; who makes it is proved by the connection, where the call was by signatures."""
    return service_pb2.OfferHandoffRequest(
        offer_id=offer.id,
        call=call_to_wire(offer.call),
        from_unit=offer.from_unit,
        unit=offer.unit,
        expires_at=to_timestamp(offer.expires_at),
        context_sha256=offer.context_sha256,
        visits=visits_to_wire(visits) if visits else None,
    )


def offer_from_wire(offer: service_pb2.OfferHandoffRequest, from_member: str) -> Offer:
    """An offer as `from_member` made it."""
    call = call_from_wire(offer.call)
    return Offer(offer.offer_id, call, offer.from_unit, from_member, offer.unit, asked_time(offer.expires_at), offer.context_sha256)


def told_to_wire(told: HandoffTold) -> events_pb2.HandoffEvent:
    """Steps as the origin tells them."""
    steps = [_step_out(step) for step in told.steps]
    return events_pb2.HandoffEvent(call=call_to_wire(told.call), from_unit=told.from_unit, steps=steps, offer_id=told.offer_id)


def told_from_wire(event: events_pb2.HandoffEvent) -> HandoffTold:
    """Steps as they were told.

    Raises:
        Refused: ROUTING_STEP_UNKNOWN, for a state that we do not know.
    """
    return HandoffTold(call_from_wire(event.call), event.from_unit, tuple(map(_step_in, event.steps)), event.offer_id)


def _step_out(step: Step) -> pb.HandoffStep:
    return pb.HandoffStep(number=step.number, state=state_to_wire(step.state), unit=step.unit, reason=step.reason, at=to_timestamp(step.at))


def _step_in(step: pb.HandoffStep) -> Step:
    state = state_from_wire(step.state)
    if state is None:
        raise Refused(refuse(codes.STEP_UNKNOWN, state=step.state))
    return Step(step.number, state, step.unit, step.reason, from_timestamp(step.at))


def _last_resort_out(last_resort: LastResort) -> pb.LastResort:
    return pb.LastResort(kind=KIND_OUT[last_resort.kind], unit=last_resort.unit)


def _last_resort_in(last_resort: pb.LastResort) -> LastResort:
    kind = KIND_IN.get(last_resort.kind)
    return LastResort(kind, last_resort.unit) if kind else A_CASE
