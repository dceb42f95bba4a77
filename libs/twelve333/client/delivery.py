"""How delivery stands at a member; asked of the hub or of a node, by operators."""

from __future__ import annotations

from ..api.delivery.v1 import service_pb2 as pb
from ..api.delivery.v1 import service_pb2_grpc
from ..core.delivery.status import DeliveryStatus
from ..wire.delivery import status_from_wire
from .calls import Calls


class DeliveryClient:
    """Typed calls of `DeliveryService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.DeliveryServiceStub(calls.channel)

    async def status(self) -> DeliveryStatus:
        """What waits for whom, what was delivered, and what came in, per other member."""
        return status_from_wire(await self._calls.unary(self._stub.GetDeliveryStatus, pb.GetDeliveryStatusRequest()))
