"""How delivery stands at a member, and what it set aside; asked of the hub or of a node, by operators."""

from __future__ import annotations

from ..api.delivery.v1 import service_pb2 as pb
from ..api.delivery.v1 import service_pb2_grpc
from ..core.delivery.parked import ParkedEvent
from ..core.delivery.status import DeliveryStatus
from ..wire.delivery import parked_from_wire, status_from_wire
from .calls import Calls


class DeliveryClient:
    """Typed calls of `DeliveryService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.DeliveryServiceStub(calls.channel)

    async def status(self) -> DeliveryStatus:
        """What waits for whom, what was delivered, and what came in, per other member."""
        return status_from_wire(await self._calls.unary(self._stub.GetDeliveryStatus, pb.GetDeliveryStatusRequest()))

    async def parked(self, origin: str = "", most: int = 100) -> tuple[list[ParkedEvent], int]:
        """Events set aside, by origin and number, at most so many; and how many there are.

        Args:
            origin: only of this member, all if empty.
            most: 1 to 1000.
        """
        request = pb.ListParkedEventsRequest(origin=origin, most=most)
        answer = await self._calls.unary(self._stub.ListParkedEvents, request)
        return [parked_from_wire(event) for event in answer.events], answer.total

    async def parked_event(self, origin: str, event_id: str) -> ParkedEvent:
        """One event set aside; refused with DELIVERY_PARKED_NOT_FOUND."""
        request = pb.GetParkedEventRequest(origin=origin, event_id=event_id)
        return parked_from_wire((await self._calls.unary(self._stub.GetParkedEvent, request)).event)

    async def retry_parked(self, origin: str, event_id: str) -> str:
        """Have an event applied now; empty when it is, else the code of why it stays. Refused with DELIVERY_PARKED_*."""
        request = pb.RetryParkedEventRequest(origin=origin, event_id=event_id)
        return (await self._calls.unary(self._stub.RetryParkedEvent, request)).code

    async def drop_parked(self, origin: str, event_id: str) -> ParkedEvent:
        """Give an event up for ever and return what it was; refused with DELIVERY_PARKED_NOT_FOUND."""
        request = pb.DropParkedEventRequest(origin=origin, event_id=event_id)
        return parked_from_wire((await self._calls.unary(self._stub.DropParkedEvent, request)).event)

    async def clear_alarms(self, member: str) -> int:
        """Forget the alarms about a member once they have been looked at; how many there were."""
        return (await self._calls.unary(self._stub.ClearAlarms, pb.ClearAlarmsRequest(member=member))).cleared
