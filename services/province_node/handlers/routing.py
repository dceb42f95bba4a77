"""What other nodes ask and tell about calls: offers, notices, contexts, and the events that follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql.delivery import Applier, Delivery, Inbound
from twelve333.api.routing.v1 import events_pb2, service_pb2_grpc
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused, accepted, refuse
from twelve333.core.ids import check_id
from twelve333.core.routing import codes
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.handoff import Step, bring_back, complete
from twelve333.core.routing.machine import PUT_THROUGH, HandoffState
from twelve333.core.routing.offers import Offer
from twelve333.core.routing.rules import check_call
from twelve333.core.routing.test_calls import answer as answer_test_call
from twelve333.wire.routing import context_to_wire, offer_from_wire, state_from_wire, told_from_wire
from twelve333.wire.visits import visits_from_wire

from ..context import NodeContext
from ..contexts import ContextFetcher
from ..errands import Errands
from ..handoffs import Handoffs, Rule
from ..routing_view import RoutingView
from ..seats import note_lease
from ..store import routing as store
from ..store.offered import load_offered

TOLD_OF_A_SEAT: Final = PUT_THROUGH | {HandoffState.COMPLETED, HandoffState.RETURNED, HandoffState.EXPIRED}
SHA256_BYTES: Final = 32
OTHERS_MAX: Final = 63


class HandoffPeerHandlers(service_pb2_grpc.HandoffPeerServiceServicer):
    """See `HandoffPeerService`.

    Args:
        node: the node's ports.
        view: what it routes by.
        handoffs: its own outgoing handoffs.
        fetcher: fetches what accepted callers told.
        errands: runs the fetcher beside the call.
    """

    def __init__(self, node: NodeContext, view: RoutingView, handoffs: Handoffs, fetcher: ContextFetcher, errands: Errands) -> None:
        self._node = node
        self._view = view
        self._handoffs = handoffs
        self._fetcher = fetcher
        self._errands = errands

    async def OfferHandoff(
        self, request: pb.OfferHandoffRequest, context: ServicerContext[pb.OfferHandoffRequest, pb.OfferHandoffResponse]
    ) -> pb.OfferHandoffResponse:
        """Take a call if a seat is free."""
        node, snapshot, now = self._node, self._view.snapshot, self._node.clock()
        offer = offer_from_wire(request, current_caller().member)
        _check_offer(offer)
        visits = visits_from_wire(request.visits) if request.HasField("visits") else None
        self._handoffs.visits.check(offer, visits)
        if request.test:
            return pb.OfferHandoffResponse(target=accepted(answer_test_call(offer, snapshot, node.province)).state)
        await self._admit(offer, now)
        leased = await self._handoffs.seating.lease(offer, visits)
        lease = leased.lease
        if leased.is_new and offer.from_member != node.province:
            self._handoffs.counted.accepted(lease.accepted_at)
        if offer.context_sha256:
            self._errands.run(self._fetcher.fetch_soon(lease))
        answer = pb.OfferHandoffResponse(target=lease.target, slot=lease.slot)
        answer.seat_hold.FromTimedelta(lease.held_until - node.clock())
        return answer

    async def _admit(self, offer: Offer, now: datetime) -> None:
        """Refuse what is more than the unit admits, unless it was accepted before."""
        refusal = self._view.rates.admit(offer.unit, offer.call, now)
        if refusal and not await self._node.database.read(lambda tx: store.load_lease(tx, offer.from_member, offer.id)):
            raise Refused(refusal)

    async def NotifyHandoff(
        self, request: pb.NotifyHandoffRequest, context: ServicerContext[pb.NotifyHandoffRequest, pb.NotifyHandoffResponse]
    ) -> pb.NotifyHandoffResponse:
        """Take notice of what became of an offer."""
        node, snapshot, now = self._node, self._view.snapshot, self._node.clock()
        origin, to = current_caller().member, state_from_wire(request.state) or HandoffState.OFFERED
        hold = timedelta(seconds=node.settings.handoff.call_hold_seconds)
        known = await node.database.write(lambda tx: note_lease(tx, snapshot, node.province, origin, request.offer_id, to, hold, now))
        if not known:
            raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=request.offer_id[:80]))
        return pb.NotifyHandoffResponse()

    async def ReportOutcome(
        self, request: pb.ReportOutcomeRequest, context: ServicerContext[pb.ReportOutcomeRequest, pb.ReportOutcomeResponse]
    ) -> pb.ReportOutcomeResponse:
        """Take how a call of ours ended at the unit that accepted it."""
        await self._handoffs.take_outcome(current_caller().member, request.offer_id, _outcome(request))
        return pb.ReportOutcomeResponse()

    async def FetchContext(
        self, request: pb.FetchContextRequest, context: ServicerContext[pb.FetchContextRequest, pb.FetchContextResponse]
    ) -> pb.FetchContextResponse:
        """Give the context of a call to the member that holds a seat for it."""
        ids, member = [request.offer_id, *request.others[:OTHERS_MAX]], current_caller().member
        # The other side may ask before our own record of its acceptance is written.
        await self._handoffs.settled(*(each.rpartition(".")[0] for each in ids))

        def load(tx: Connection) -> dict[str, tuple[ContextItem, ...]]:
            offered = load_offered(tx, ids)
            first = offered.get(request.offer_id)
            if first is None:
                raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=request.offer_id[:80]))
            if not first.is_for(member):
                raise Refused(refuse(codes.OFFER_NOT_YOURS, offer=request.offer_id))
            needs = self._handoffs.needs
            return {offer_id: it.told(needs) for offer_id, it in offered.items() if it.is_for(member)}

        told = await self._node.audit.read_some("handoff.context", load)
        items = context_to_wire(told.pop(request.offer_id))
        others = [pb.OfferContext(offer_id=offer_id, items=context_to_wire(context)) for offer_id, context in told.items()]
        return pb.FetchContextResponse(items=items, others=others)


def take_told_handoff(node: NodeContext, view: RoutingView) -> Applier:
    """What to do when an origin tells what became of a call that we accepted; a lease we no longer know needs no news."""
    hold = timedelta(seconds=node.settings.handoff.call_hold_seconds)

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        told = told_from_wire(events_pb2.HandoffEvent.FromString(event.message))
        for step in _of_a_seat(told.steps):
            note_lease(tx, view.snapshot, node.province, event.origin, told.offer_id, step.state, hold, now)

    return apply


def take_outcome(handoffs: Handoffs, delivery: Delivery) -> Applier:
    """What to do when the unit that accepted a call of ours tells how it ended there.

    One that a restore made us forget comes back with how it ended, behind this (`handoff_returns`).
    """

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        told = events_pb2.HandoffOutcome.FromString(event.message)
        if store.find_by_offer(tx, told.offer_id) is None and delivery.has_told_restore(tx, event.origin):
            return
        handoffs.keep_outcome(tx, event.origin, told.offer_id, _outcome(told), now)

    return apply


def _outcome(told: pb.ReportOutcomeRequest | events_pb2.HandoffOutcome) -> Rule:
    state = state_from_wire(told.state)
    if state is HandoffState.COMPLETED:
        return complete
    if state is HandoffState.RETURNED:
        return lambda handoff, now: bring_back(handoff, told.reason, now)
    raise Refused(refuse(codes.STEP_UNKNOWN, state=told.state))


def _of_a_seat(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.state in TOLD_OF_A_SEAT]


def _check_offer(offer: Offer) -> None:
    """Refuse an offer whose parts are malformed or do not belong together."""
    if refusal := check_id(offer.call.id) or check_call(offer.call):
        raise Refused(refusal)
    if offer.id != f"{offer.call.id}.{offer.unit}" or len(offer.context_sha256) not in (0, SHA256_BYTES):
        raise Refused(refuse(codes.OFFER_OTHER_CONTENT, offer=offer.id[:80]))
