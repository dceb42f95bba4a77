"""What telephone systems tell their node of queues, and what the node knows of them."""

from __future__ import annotations

from grpc.aio import ServicerContext

from twelve333.api.routing.v1 import queue_pb2 as pb
from twelve333.api.routing.v1 import queue_pb2_grpc
from twelve333.core.decision import Refused
from twelve333.core.routing.queues import Report, check_report
from twelve333.wire.queues import queues_to_wire, shares_to_wire
from twelve333.wire.slots import ceilings_from_wire, held_to_wire, promised_to_wire

from ..calls import CallParts
from ..queues import QueueBoard


class QueueHandlers(queue_pb2_grpc.QueueServiceServicer):
    """See `QueueService`."""

    def __init__(self, board: QueueBoard, calls: CallParts) -> None:
        self._board, self._view, self._calls = board, calls.view, calls

    async def ReportQueue(
        self, request: pb.ReportQueueRequest, context: ServicerContext[pb.ReportQueueRequest, pb.ReportQueueResponse]
    ) -> pb.ReportQueueResponse:
        """Take how a unit's queue stands."""
        report = Report(request.active, request.free, request.waiting, request.wait_s, ceilings_from_wire(request.admits))
        if refusal := check_report(request.unit, report, self._view.snapshot.units, self._view.province):
            raise Refused(refusal)
        self._board.report(request.unit, report)
        return pb.ReportQueueResponse()

    async def ListQueues(
        self, request: pb.ListQueuesRequest, context: ServicerContext[pb.ListQueuesRequest, pb.ListQueuesResponse]
    ) -> pb.ListQueuesResponse:
        """Show what is known of queues, and who holds slots of whom."""
        shown = queues_to_wire(self._board.queues)
        shown.admitted.extend(shares_to_wire(self._board.admitted()))
        shown.divided.extend(shares_to_wire(self._board.divided))
        shown.slots.extend(held_to_wire(self._calls.slots.shown()))
        if self._view.known_units():
            shown.promised.extend(promised_to_wire(await self._calls.granting.promised()))
        return shown
