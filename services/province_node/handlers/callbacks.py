"""What desktops ask about last resorts and callbacks, and what other nodes tell of them."""

from __future__ import annotations

from datetime import datetime

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.api.routing.v1 import callback_pb2 as pb
from twelve333.api.routing.v1 import callback_pb2_grpc, routing_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Role
from twelve333.core.ids import check_id
from twelve333.core.routing import codes
from twelve333.core.routing.callbacks import CallbackState, check_wish
from twelve333.core.routing.context import check_context
from twelve333.core.routing.rules import check_call
from twelve333.wire.callbacks import STATE_IN, callback_from_wire, callback_to_wire, kind_from_wire, wish_from_wire
from twelve333.wire.routing import handoff_to_wire

from ..callback_line import CallbackLine
from ..context import NodeContext
from ..last_resorts import LastResorts
from ..store import callbacks as store


class CallbackHandlers(callback_pb2_grpc.CallbackServiceServicer):
    """See `CallbackService`.

    Args:
        node: the node's ports.
        line: callbacks of its units.
        resorts: last resorts of its handoffs.
    """

    def __init__(self, node: NodeContext, line: CallbackLine, resorts: LastResorts) -> None:
        self._node, self._line, self._resorts = node, line, resorts

    async def SettleLastResort(
        self, request: pb.SettleLastResortRequest, context: ServicerContext[pb.SettleLastResortRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Carry out a last resort."""
        kind, wish = kind_from_wire(request.kind), wish_from_wire(request.wish)
        settled = await self._resorts.settle(request.id, kind, wish, request.summary, current_caller().name)
        return handoff_to_wire(settled)

    async def ListCallbacks(
        self, request: pb.ListCallbacksRequest, context: ServicerContext[pb.ListCallbacksRequest, pb.ListCallbacksResponse]
    ) -> pb.ListCallbacksResponse:
        """Show the line."""
        line = await self._node.database.read(lambda tx: store.line_of(tx, request.units, everything=request.all))
        return pb.ListCallbacksResponse(callbacks=map(callback_to_wire, line))

    async def TakeCallback(
        self, request: pb.TakeCallbackRequest, context: ServicerContext[pb.TakeCallbackRequest, pb.Callback]
    ) -> pb.Callback:
        """Give the next in line to who asks."""
        callback, wish = await self._line.take(request.unit, request.take_id, current_caller().name)
        return callback_to_wire(callback, wish)

    async def ReportCallbackDone(
        self, request: pb.ReportCallbackDoneRequest, context: ServicerContext[pb.ReportCallbackDoneRequest, pb.Callback]
    ) -> pb.Callback:
        """Record that the caller was reached."""
        return callback_to_wire(await self._line.done(request.id, _holder()))

    async def ReportCallbackMissed(
        self, request: pb.ReportCallbackMissedRequest, context: ServicerContext[pb.ReportCallbackMissedRequest, pb.Callback]
    ) -> pb.Callback:
        """Record that the caller was not reached."""
        return callback_to_wire(await self._line.missed(request.id, _holder()))


def take_asked_callback(line: CallbackLine) -> Applier:
    """What to do when another node asks one of our units to call back, or to hear a message."""

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        asked = pb.CallbackAsked.FromString(event.message).callback
        callback, wish = callback_from_wire(asked, event.origin), wish_from_wire(asked.wish)
        if (
            refusal := check_id(callback.call.id)
            or check_call(callback.call)
            or check_wish(callback.kind, wish)
            or check_context(wish.items)
        ):
            raise Refused(refusal)
        if callback.state is not CallbackState.WAITING:
            raise Refused(refuse(codes.STEP_UNKNOWN, state=asked.state))
        line.enter(tx, callback, wish, now)

    return apply


def take_ended_callback(resorts: LastResorts) -> Applier:
    """What to do when the unit tells what became of a callback that we asked for."""

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        told = pb.CallbackEnded.FromString(event.message)
        state = STATE_IN.get(told.state)
        if state not in (CallbackState.DONE, CallbackState.GIVEN_BACK):
            raise Refused(refuse(codes.STEP_UNKNOWN, state=told.state))
        resorts.ended(tx, event.origin, told.id, state, wish_from_wire(told.wish), now)

    return apply


def _holder() -> str:
    caller = current_caller()
    return caller.name if caller.role is Role.DESK else ""
