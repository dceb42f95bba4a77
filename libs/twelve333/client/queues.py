"""How units' queues stand; told to a node by telephone systems, and asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..api.routing.v1 import queue_pb2 as pb
from ..api.routing.v1 import queue_pb2_grpc
from ..core.routing.model import Queue
from ..core.routing.rates import Ceiling, Share
from ..wire.queues import queues_from_wire, shares_from_wire
from ..wire.slots import Shown, ceilings_to_wire, shown_from_wire
from .calls import Calls


@dataclass(frozen=True, slots=True)
class Overview:
    """What a node knows of the room at units.

    Args:
        queues: by unit; what has expired is stale.
        slots: of others' units, promised to this node.
        promised: of its own units, promised to others or used by their calls.
        admitted: calls a minute that others' units admit of this node.
        divided: calls a minute that its own units admit, divided among the others.
    """

    queues: dict[str, Queue]
    slots: tuple[Shown, ...]
    promised: tuple[Shown, ...]
    admitted: tuple[Share, ...]
    divided: tuple[Share, ...]


class QueuesClient:
    """Typed calls of `QueueService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = queue_pb2_grpc.QueueServiceStub(calls.channel)

    async def report(
        self, unit: str, *, free: int, waiting: int = 0, wait_s: int = 0, active: bool = True, admits: Mapping[str, float] | None = None
    ) -> None:
        """Tell how a unit's queue stands; repeat it every second or two, it is believed for 5 s.

        Args:
            unit: one of this node's.
            free: consultants free.
            waiting: callers waiting.
            wait_s: seconds that the next one would wait.
            active: whether the unit takes calls at all.
            admits: calls a minute that it admits from others, by prefix of the topic (empty: about anything); none: no limit.
        """
        rates = ceilings_to_wire(Ceiling(topic, per_minute) for topic, per_minute in (admits or {}).items())
        request = pb.ReportQueueRequest(unit=unit, active=active, free=free, waiting=waiting, wait_s=wait_s, admits=rates)
        await self._calls.unary(self._stub.ReportQueue, request)

    async def list(self) -> dict[str, Queue]:
        """What the node knows of queues, by unit; what has expired is stale."""
        return (await self.overview()).queues

    async def overview(self) -> Overview:
        """What the node knows of queues, of slots that it holds or promised, and of rates that are admitted."""
        answer = await self._calls.unary(self._stub.ListQueues, pb.ListQueuesRequest())
        return Overview(
            queues_from_wire(answer),
            tuple(shown_from_wire(answer.slots)),
            tuple(shown_from_wire(answer.promised)),
            shares_from_wire(answer.admitted),
            shares_from_wire(answer.divided),
        )
