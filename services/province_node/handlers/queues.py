"""What telephone systems tell their node of queues, and what the node knows of them."""

from __future__ import annotations

from grpc.aio import ServicerContext

from twelve333.api.routing.v1 import queue_pb2 as pb
from twelve333.api.routing.v1 import queue_pb2_grpc
from twelve333.core.decision import Refused
from twelve333.core.routing.queues import Report, check_report
from twelve333.wire.queues import queues_to_wire

from ..queues import QueueBoard
from ..routing_view import RoutingView


class QueueHandlers(queue_pb2_grpc.QueueServiceServicer):
    """See `QueueService`."""

    def __init__(self, board: QueueBoard, view: RoutingView) -> None:
        self._board, self._view = board, view

    async def ReportQueue(
        self, request: pb.ReportQueueRequest, context: ServicerContext[pb.ReportQueueRequest, pb.ReportQueueResponse]
    ) -> pb.ReportQueueResponse:
        """Take how a unit's queue stands."""
        report = Report(request.active, request.free, request.waiting, request.wait_s)
        if refusal := check_report(request.unit, report, self._view.snapshot.units, self._view.province):
            raise Refused(refusal)
        self._board.report(request.unit, report)
        return pb.ReportQueueResponse()

    async def ListQueues(
        self, request: pb.ListQueuesRequest, context: ServicerContext[pb.ListQueuesRequest, pb.ListQueuesResponse]
    ) -> pb.ListQueuesResponse:
        """Show what is known of queues."""
        return queues_to_wire(self._board.queues)
