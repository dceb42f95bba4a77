"""`DeliveryService`, the same at the hub and at a node: counts of what waits, was delivered and was dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from grpc.aio import ServicerContext

from ..api.delivery.v1 import service_pb2 as pb
from ..api.delivery.v1 import service_pb2_grpc
from ..wire.delivery import status_to_wire
from .sql.database import Database
from .sql.delivery import Delivery


class DeliveryHandlers(service_pb2_grpc.DeliveryServiceServicer):
    """See `DeliveryService`.

    Args:
        database: holds outbox and inbox.
        delivery: this member's outbox and inbox.
        connected: whether the broker answers now.
    """

    def __init__(self, database: Database, delivery: Delivery, connected: Callable[[], bool]) -> None:
        self._database = database
        self._delivery = delivery
        self._connected = connected

    async def GetDeliveryStatus(
        self,
        request: pb.GetDeliveryStatusRequest,
        context: ServicerContext[pb.GetDeliveryStatusRequest, pb.GetDeliveryStatusResponse],
    ) -> pb.GetDeliveryStatusResponse:
        """Count what waits, what was delivered and what was dropped."""
        status = await self._database.read(self._delivery.status)
        return status_to_wire(replace(status, broker_connected=self._connected()))
