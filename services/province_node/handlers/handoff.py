"""What a consultant's desktop or a SIP server asks its own node about handoffs, and why a call goes where it goes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from grpc.aio import ServicerContext

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.routing.v1 import routing_pb2, service_pb2_grpc
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Role
from twelve333.core.routing import codes
from twelve333.core.routing.back import may_read
from twelve333.core.routing.context_needs import minimised
from twelve333.core.routing.handoff import Handoff, bring_back, complete, confer, connect
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.core.routing.rules import check_call
from twelve333.wire.coverage import asked_time
from twelve333.wire.routing import (
    call_from_wire,
    context_from_wire,
    handoff_to_wire,
    lease_to_wire,
    route_to_wire,
    state_from_wire,
)

from ..calls import CallParts
from ..context import NodeContext
from ..handoffs import Rule
from ..routing_view import RoutingView
from ..store import routing as store

LIST_USUAL = 100
LIST_MAX = 500


class RoutingHandlers(service_pb2_grpc.RoutingServiceServicer):
    """See `RoutingService`."""

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node = node
        self._view = view

    async def ExplainRoute(
        self, request: pb.ExplainRouteRequest, context: ServicerContext[pb.ExplainRouteRequest, routing_pb2.Route]
    ) -> routing_pb2.Route:
        """Decide without doing anything."""
        call = _drawn(request.call)
        if refusal := check_call(call):
            raise Refused(refusal)
        at = asked_time(request.at) if request.HasField("at") else self._node.clock()
        return route_to_wire(self._view.route(call, at))


class HandoffHandlers(service_pb2_grpc.HandoffServiceServicer):
    """See `HandoffService`."""

    def __init__(self, node: NodeContext, calls: CallParts) -> None:
        self._node = node
        self._handoffs, self._incoming, self._fetcher = calls.handoffs, calls.incoming, calls.fetcher

    async def PlaceHandoff(
        self, request: pb.PlaceHandoffRequest, context: ServicerContext[pb.PlaceHandoffRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Find a unit that takes the call, or the last resort."""
        call, told = _drawn(request.call), context_from_wire(request.context)
        name = current_caller().name
        placed = handoff_to_wire(await self._handoffs.place(call, request.from_unit, told, name, request.after, request.again), told)
        placed.withheld.extend(minimised(told, call.topic, self._handoffs.needs).withheld)
        return placed

    async def ReportConnected(
        self, request: pb.ReportConnectedRequest, context: ServicerContext[pb.ReportConnectedRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Record that the caller speaks with the unit."""
        hold = timedelta(seconds=self._node.settings.handoff.call_hold_seconds)
        return handoff_to_wire(await self._handoffs.record(request.id, lambda handoff, now: connect(handoff, hold, now)))

    async def ReportConference(
        self, request: pb.ReportConferenceRequest, context: ServicerContext[pb.ReportConferenceRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Record that three speak together."""
        hold = timedelta(seconds=self._node.settings.handoff.call_hold_seconds)
        return handoff_to_wire(await self._handoffs.record(request.id, lambda handoff, now: confer(handoff, hold, now)))

    async def ReportCompleted(
        self, request: pb.ReportCompletedRequest, context: ServicerContext[pb.ReportCompletedRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Record that the conversation is over."""
        return await self._ended(request.id, HandoffState.COMPLETED, "", complete)

    async def ReturnHandoff(
        self, request: pb.ReturnHandoffRequest, context: ServicerContext[pb.ReturnHandoffRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Record that the call is back."""
        reason = request.reason
        return await self._ended(request.id, HandoffState.RETURNED, reason, lambda handoff, now: bring_back(handoff, reason, now))

    async def GetHandoff(
        self, request: pb.GetHandoffRequest, context: ServicerContext[pb.GetHandoffRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Show one handoff, outgoing or incoming, with its context."""
        read = self._node.database.read
        outgoing = await read(lambda tx: store.load_handoff(tx, request.id))
        if outgoing:
            if not may_read(outgoing, current_caller().name, self._node.clock()):
                return handoff_to_wire(outgoing)
            told = await self._node.audit.read_one("handoff.read", request.id, lambda tx: store.load_context(tx, request.id))
            return handoff_to_wire(outgoing, told)
        incoming = await self._node.audit.read_one("handoff.read", request.id, lambda tx: store.load_incoming(tx, request.id))
        if incoming is None:
            raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=request.id[:64]))
        lease, told = incoming
        if lease.taken_by not in ("", current_caller().name):
            return lease_to_wire(lease)
        return lease_to_wire(lease, told or await self._fetcher.try_fetch(lease))

    async def ListHandoffs(
        self, request: pb.ListHandoffsRequest, context: ServicerContext[pb.ListHandoffsRequest, pb.ListHandoffsResponse]
    ) -> pb.ListHandoffsResponse:
        """List handoffs, outgoing and incoming, the newest first."""
        limit, state = min(request.limit or LIST_USUAL, LIST_MAX), state_from_wire(request.state)
        outgoing = await self._node.database.read(lambda tx: store.list_handoffs(tx, state, limit))
        incoming = await self._node.database.read(lambda tx: store.list_leases(tx, state, limit))
        dated = [(_began(handoff), handoff_to_wire(handoff)) for handoff in outgoing]
        dated += [(lease.accepted_at, lease_to_wire(lease)) for lease in incoming]
        newest = sorted(dated, key=lambda pair: pair[0], reverse=True)[:limit]
        return pb.ListHandoffsResponse(handoffs=[handoff for _, handoff in newest])

    async def _ended(self, handoff_id: str, to: HandoffState, reason: str, rule: Rule) -> routing_pb2.Handoff:
        """One of ours, or one that came to us."""
        try:
            return handoff_to_wire(await self._handoffs.record(handoff_id, rule))
        except Refused as refused:
            if refused.refusal.code is not codes.HANDOFF_NOT_YOURS:
                raise
        caller = current_caller()
        holder = caller.name if caller.role is Role.DESK else ""
        return lease_to_wire(await self._incoming.end(handoff_id, holder, to, reason))


def _drawn(call: routing_pb2.Call) -> Call:
    """The call as asked; who has not drawn for its weights leaves that to us."""
    asked = call_from_wire(call)
    return asked if call.HasField("draw") else replace(asked, draw=random.random())


def _began(handoff: Handoff) -> datetime:
    return handoff.steps[0].at
