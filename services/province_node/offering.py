"""Asks one unit to take a call: our own by a unit of work, another province's over gRPC within its share of the time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import grpc
from opentelemetry import metrics

from twelve333.adapters.signing.authority import CLOCK_SKEW
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.api.routing.v1 import service_pb2_grpc
from twelve333.client.errors import Target, service_error
from twelve333.core.decision import Code, Decision, Kind, Refusal, Refused, accepted
from twelve333.core.routing import codes
from twelve333.core.routing.handoff import Handoff, fail, take
from twelve333.core.routing.machine import HOLDS_SEAT, HandoffState
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.visits import Visits
from twelve333.wire import codes as wire_codes
from twelve333.wire.routing import offer_to_wire, state_to_wire

from .books import CallsCounted
from .context import NodeContext
from .errands import Errands
from .routing_view import RoutingView
from .seats import Seating
from .slots import SlotBoard

# Clocks of provinces differ, by as much as a certificate allows for; how long we wait for an answer is limited by the RPC's deadline.
VALID_FOR: Final = CLOCK_SKEW + timedelta(seconds=10)
NOTICE_SECONDS: Final = 2.0
TARGET_CHARS_MAX: Final = 255
CODE_CHARS_MAX: Final = 64
HOLD_MOST: Final = timedelta(days=1)
# Said of some of a unit's seats: calls that need others are offered to it all the same.
_OF_A_PART: Final = frozenset({codes.NO_SEAT_WITH_SKILL.name, codes.SEATS_KEPT.name, codes.RATE_EXCEEDED.name})

_SEATS = metrics.get_meter("twelve333.routing").create_counter(
    "twelve333.routing.seats_taken", description="seats of other provinces that were given to our calls, by whether they had been promised"
)


@dataclass(frozen=True, slots=True)
class Offering:
    """What asking needs: the node's ports, what it routes by, someone to send on errands, slots it holds, the count of calls, our seats."""

    node: NodeContext
    view: RoutingView
    errands: Errands
    slots: SlotBoard
    counted: CallsCounted
    seating: Seating

    async def ask(self, handoff: Handoff, seconds: float, visits: Visits | None = None) -> Handoff:
        """Ask the unit to which `handoff` is offered; the handoff as it then stands (accepted, refused, expired or unreachable).

        Args:
            handoff: in the state OFFERED.
            seconds: how long to wait for the answer.
            visits: where the call was, signed; what is not proved there is not said to others.
        """
        now = self.node.clock()
        # What was drawn here is of no use there.
        call = replace(handoff.call, draw=0.0, visited=visits.units if visits else (handoff.from_unit,))
        offer = Offer(handoff.offer_id, call, handoff.from_unit, self.view.province, handoff.unit, now + VALID_FOR, handoff.context_sha256)
        if handoff.member == self.view.province:
            return await self._ask_here(handoff, offer, visits)
        if self.view.is_left_alone(handoff.member, now):
            return accepted(fail(handoff, HandoffState.UNREACHABLE, codes.PEER_UNREACHABLE, now)).state
        self.slots.wants(handoff.unit, handoff.member, call)
        if self.view.rates.gaps.until(handoff.unit, call.topic, now, priority=call.has_priority):  # others of our calls were faster
            return _kept(fail(handoff, HandoffState.REFUSED, codes.RATE_EXCEEDED, now))
        self.view.rates.gaps.spend(handoff.unit, call.topic, now, priority=call.has_priority)
        return await self._ask_peer(handoff, offer, seconds, visits)

    async def notify(self, member: str, offer_id: str, state: HandoffState) -> None:
        """Tell a peer what became of its offer, so that its seat is free (or held on) at once.

        Raises:
            grpc.aio.AioRpcError: it did not get there; the lease ends by itself, and the event is told as well.
        """
        stub = self.node.peers.stub(member, service_pb2_grpc.HandoffPeerServiceStub)
        await stub.NotifyHandoff(pb.NotifyHandoffRequest(offer_id=offer_id, state=state_to_wire(state)), timeout=NOTICE_SECONDS)
        if state not in HOLDS_SEAT:
            self.slots.ended(offer_id.rpartition(".")[2], offer_id)

    async def _ask_here(self, handoff: Handoff, offer: Offer, visits: Visits | None) -> Handoff:
        now, hold = self.node.clock(), timedelta(seconds=self.node.settings.handoff.seat_hold_seconds)
        try:
            leased = await self.seating.lease(offer, visits)
        except Refused as refused:
            return self._refused(handoff, refused.refusal)
        return _kept(take(handoff, leased.lease.target, hold, now))

    async def _ask_peer(self, handoff: Handoff, offer: Offer, seconds: float, visits: Visits | None) -> Handoff:
        try:
            stub = self.node.peers.stub(handoff.member, service_pb2_grpc.HandoffPeerServiceStub)
            answer = await stub.OfferHandoff(offer_to_wire(offer, visits), timeout=seconds)
        except grpc.aio.AioRpcError as error:
            return self._failed(handoff, service_error(error, Target(handoff.member)).refusal)
        except Refused as refused:  # the directory does not know the member any more
            return self._failed(handoff, Refusal(Code(refused.refusal.code.name, Kind.UNAVAILABLE)))
        self.view.answered(handoff.member)
        self.slots.taken(handoff.unit, handoff.offer_id, handoff.call)
        _SEATS.add(1, {"slot": answer.slot})
        hold = max(timedelta(), min(answer.seat_hold.ToTimedelta(), HOLD_MOST))
        return _kept(take(handoff, answer.target[:TARGET_CHARS_MAX], hold, self.node.clock()))

    def _failed(self, handoff: Handoff, refusal: Refusal) -> Handoff:
        """No answer is our observation; an answer is the other side's."""
        now = self.node.clock()
        if refusal.code == wire_codes.NO_ANSWER:
            self.view.missed(handoff.member, now)
            # It may have accepted and only been too slow to say so: give the seat back.
            self.errands.run(self.notify(handoff.member, handoff.offer_id, HandoffState.EXPIRED))
            return _kept(fail(handoff, HandoffState.EXPIRED, codes.ANSWER_TOO_LATE, now))
        if refusal.code.kind is Kind.UNAVAILABLE:
            self.view.missed(handoff.member, now)
            return _kept(fail(handoff, HandoffState.UNREACHABLE, codes.PEER_UNREACHABLE, now))
        self.view.answered(handoff.member)
        return self._refused(handoff, refusal)

    def _refused(self, handoff: Handoff, refusal: Refusal) -> Handoff:
        now = self.node.clock()
        if refusal.code.name not in _OF_A_PART:
            self.view.refused(handoff.unit, refusal.retry_after, now)
        reason = Code(refusal.code.name[:CODE_CHARS_MAX], refusal.code.kind)
        return _kept(fail(handoff, HandoffState.REFUSED, reason, now))


def _kept(outcome: Decision[Handoff] | Refusal) -> Handoff:
    return accepted(outcome).state
