"""The direct way over mutual TLS: `DeliverEvents` at hub or node, the same service on both ends.

Who calls is proved by certificate and must be the origin of every envelope; who answers is proved by certificate too, so its receipt
counts as its own word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import grpc
from grpc.aio import ServicerContext

from ...api.delivery.v1 import peer_pb2 as pb
from ...api.delivery.v1 import peer_pb2_grpc
from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import ENVELOPE_MALFORMED, FOREIGN_ORIGIN
from ...core.delivery.model import WINDOW_EVENTS_MAX, Envelope, Receipt
from ...wire import codes
from ...wire.envelope import envelope_from_wire, envelope_to_wire, receipt_from_wire, receipt_to_wire
from ..rpc.access import current_caller
from ..rpc.errors import told_by_peer
from ..rpc.peers import Peers
from ..sql.delivery import Arrival
from .intake import Intake

CALL_SECONDS: Final = 15.0


class GrpcDirect:
    """See `Direct`.

    Args:
        peers: channels to other members.
        refresh: brings their addresses up to date before a call, where they are not kept in memory anyway.
    """

    def __init__(self, peers: Peers, refresh: Callable[[], Awaitable[None]] | None = None) -> None:
        self._peers, self._refresh = peers, refresh

    async def deliver(self, destination: str, envelopes: Sequence[Envelope]) -> Receipt:
        """See `Direct.deliver`."""
        if self._refresh is not None:
            await self._refresh()
        stub = peer_pb2_grpc.DeliveryPeerServiceStub(self._peers.channel(destination))
        request = pb.DeliverEventsRequest(envelopes=[envelope_to_wire(envelope) for envelope in envelopes])
        try:
            answer = await stub.DeliverEvents(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise Refused(told_by_peer(error) or refuse(codes.PEER_AWAY)) from error
        receipt = receipt_from_wire(answer.receipt)
        if isinstance(receipt, Refusal):
            raise Refused(receipt)
        return receipt


class DeliveryPeerHandlers(peer_pb2_grpc.DeliveryPeerServiceServicer):
    """See `DeliveryPeerService`.

    Args:
        intake: this member's way into its inbox.
        ready: raises `Refused` unless this copy of the member may take something.
    """

    def __init__(self, intake: Intake, ready: Callable[[], Awaitable[None]]) -> None:
        self._intake, self._ready = intake, ready

    async def DeliverEvents(
        self, request: pb.DeliverEventsRequest, context: ServicerContext[pb.DeliverEventsRequest, pb.DeliverEventsResponse]
    ) -> pb.DeliverEventsResponse:
        """Take the events and answer with the receipt."""
        caller = current_caller().member
        await self._ready()
        if not 0 < len(request.envelopes) <= WINDOW_EVENTS_MAX:
            raise Refused(refuse(ENVELOPE_MALFORMED, reason=f"{len(request.envelopes)} events in one call"))
        arrivals = [_arrival(caller, envelope_from_wire(message)) for message in request.envelopes]
        return pb.DeliverEventsResponse(receipt=receipt_to_wire(await self._intake.take(arrivals)))


def _arrival(caller: str, envelope: Envelope | Refusal) -> Arrival:
    """One event of the caller's; anything in another's name ends the call before any of it is touched."""
    if isinstance(envelope, Refusal):
        raise Refused(envelope)
    if envelope.origin != caller:
        raise Refused(refuse(FOREIGN_ORIGIN, sender=caller, origin=envelope.origin))
    return Arrival(caller, envelope)
