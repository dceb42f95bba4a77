"""Calls that others return to a node that was restored, between the core and protobuf."""

from __future__ import annotations

from ..api.routing.v1 import returns_pb2 as pb
from ..core.decision import Refused, refuse
from ..core.routing import codes
from ..core.routing.handoff import Handoff
from ..core.routing.machine import HOLDS_SEAT
from ..core.routing.messages import HandoffTold
from ..core.routing.offers import Lease
from ..core.routing.returning import Known
from .routing import state_from_wire, state_to_wire, told_to_wire
from .times import from_timestamp, to_timestamp


def placed_to_wire(handoff: Handoff) -> pb.ReturnedHandoff:
    """A call that we placed, returned to the node that accepted it."""
    seat = pb.SeatKnown(
        asker_accepted=True,
        unit=handoff.offer_id.rpartition(".")[2],
        state=state_to_wire(handoff.state),
        target=handoff.target,
        accepted_at=to_timestamp(handoff.steps[0].at),
        held_until=to_timestamp(handoff.held_until) if handoff.held_until else None,
        context_sha256=handoff.context_sha256,
    )
    return pb.ReturnedHandoff(told=told_to_wire(HandoffTold(handoff.call, handoff.from_unit, (), handoff.offer_id)), seat=seat)


def lease_to_wire(lease: Lease) -> pb.ReturnedHandoff:
    """A call that we accepted, returned to the node that placed it."""
    offer, holds = lease.offer, lease.state in HOLDS_SEAT
    seat = pb.SeatKnown(
        unit=offer.unit,
        state=state_to_wire(lease.state),
        target=lease.target if holds else "",
        accepted_at=to_timestamp(lease.accepted_at),
        held_until=to_timestamp(lease.held_until) if holds else None,
        context_sha256=offer.context_sha256,
    )
    return pb.ReturnedHandoff(told=told_to_wire(HandoffTold(offer.call, offer.from_unit, (), offer.id)), seat=seat)


def known_from_wire(told: HandoffTold, seat: pb.SeatKnown) -> Known:
    """What the other side of a call says of it.

    Raises:
        Refused: ROUTING_STEP_UNKNOWN, for a state that we do not know.
    """
    state = state_from_wire(seat.state)
    if state is None:
        raise Refused(refuse(codes.STEP_UNKNOWN, state=seat.state))
    held_until = from_timestamp(seat.held_until) if seat.HasField("held_until") else None
    moment = from_timestamp(seat.accepted_at)
    return Known(told.call, told.from_unit, told.offer_id, seat.unit, state, seat.target, moment, held_until, seat.context_sha256)
