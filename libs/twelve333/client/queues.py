"""How units' queues stand; told to a node by telephone systems, and asked of it."""

from __future__ import annotations

from ..api.routing.v1 import queue_pb2 as pb
from ..api.routing.v1 import queue_pb2_grpc
from ..core.routing.model import Queue
from ..wire.queues import queues_from_wire
from .calls import Calls


class QueuesClient:
    """Typed calls of `QueueService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = queue_pb2_grpc.QueueServiceStub(calls.channel)

    async def report(self, unit: str, *, free: int, waiting: int = 0, wait_s: int = 0, active: bool = True) -> None:
        """Tell how a unit's queue stands; repeat it every second or two, it is believed for 5 s.

        Args:
            unit: one of this node's.
            free: consultants free.
            waiting: callers waiting.
            wait_s: seconds that the next one would wait.
            active: whether the unit takes calls at all.
        """
        request = pb.ReportQueueRequest(unit=unit, active=active, free=free, waiting=waiting, wait_s=wait_s)
        await self._calls.unary(self._stub.ReportQueue, request)

    async def list(self) -> dict[str, Queue]:
        """What the node knows of queues, by unit; what has expired is stale."""
        return queues_from_wire(await self._calls.unary(self._stub.ListQueues, pb.ListQueuesRequest()))
