"""`DeliveryService`, the same at the hub and at a node: counts of what waits and what came, and what to do with events set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from grpc.aio import ServicerContext

from ..api.delivery.v1 import service_pb2 as pb
from ..api.delivery.v1 import service_pb2_grpc
from ..wire.delivery import parked_to_wire, status_to_wire
from .relay.intake import Intake
from .rpc.access import current_caller
from .sql.database import Database
from .sql.delivery import Delivery
from .telemetry.logs import logger

PAGE: Final = 100

log = logger("twelve333.delivery")


class DeliveryHandlers(service_pb2_grpc.DeliveryServiceServicer):
    """See `DeliveryService`.

    Args:
        database: holds outbox and inbox.
        delivery: this member's outbox and inbox.
        intake: applies what is tried again.
        connected: whether the broker answers now.
    """

    def __init__(self, database: Database, delivery: Delivery, intake: Intake, connected: Callable[[], bool]) -> None:
        self._database = database
        self._delivery = delivery
        self._intake = intake
        self._connected = connected

    async def GetDeliveryStatus(
        self,
        request: pb.GetDeliveryStatusRequest,
        context: ServicerContext[pb.GetDeliveryStatusRequest, pb.GetDeliveryStatusResponse],
    ) -> pb.GetDeliveryStatusResponse:
        """Count what waits, what was delivered and what was dropped."""
        status = await self._database.read(self._delivery.status)
        return status_to_wire(replace(status, broker_connected=self._connected()))

    async def ListParkedEvents(
        self,
        request: pb.ListParkedEventsRequest,
        context: ServicerContext[pb.ListParkedEventsRequest, pb.ListParkedEventsResponse],
    ) -> pb.ListParkedEventsResponse:
        """List what was set aside."""
        most = request.most if request.most > 0 else PAGE
        events, total = await self._database.read(partial(self._delivery.parked.list, origin=request.origin, most=most))
        return pb.ListParkedEventsResponse(events=[parked_to_wire(event) for event in events], total=total)

    async def GetParkedEvent(
        self, request: pb.GetParkedEventRequest, context: ServicerContext[pb.GetParkedEventRequest, pb.GetParkedEventResponse]
    ) -> pb.GetParkedEventResponse:
        """Show one."""
        work = partial(self._delivery.parked.get, origin=request.origin, event_id=request.event_id)
        return pb.GetParkedEventResponse(event=parked_to_wire(await self._database.read(work)))

    async def RetryParkedEvent(
        self,
        request: pb.RetryParkedEventRequest,
        context: ServicerContext[pb.RetryParkedEventRequest, pb.RetryParkedEventResponse],
    ) -> pb.RetryParkedEventResponse:
        """Apply one now."""
        failure = await self._intake.retry(request.origin, request.event_id)
        code, role = failure.code.name if failure else "", current_caller().role.value
        log.warning("parked event retried", origin=request.origin, event_id=request.event_id, code=code, role=role)
        return pb.RetryParkedEventResponse(code=code)

    async def DropParkedEvent(
        self, request: pb.DropParkedEventRequest, context: ServicerContext[pb.DropParkedEventRequest, pb.DropParkedEventResponse]
    ) -> pb.DropParkedEventResponse:
        """Give one up."""
        event = await self._database.write(partial(self._delivery.parked.drop, origin=request.origin, event_id=request.event_id))
        named = {"origin": event.origin, "event_id": event.event_id, "type": event.type, "code": event.code}
        log.warning("parked event dropped", **named, role=current_caller().role.value)
        return pb.DropParkedEventResponse(event=parked_to_wire(event))

    async def ClearAlarms(
        self, request: pb.ClearAlarmsRequest, context: ServicerContext[pb.ClearAlarmsRequest, pb.ClearAlarmsResponse]
    ) -> pb.ClearAlarmsResponse:
        """Forget what was looked at."""
        cleared = await self._database.write(partial(self._delivery.alarms.clear, member=request.member))
        log.warning("alarms cleared", peer=request.member[:6], count=cleared, role=current_caller().role.value)
        return pb.ClearAlarmsResponse(cleared=cleared)
