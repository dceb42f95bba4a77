"""Where a call would go, and why; asked of a node."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from ..api.routing.v1 import service_pb2 as pb
from ..api.routing.v1 import service_pb2_grpc
from ..core.routing.model import Call, Route
from ..wire.routing import call_to_wire, route_from_wire
from ..wire.times import to_timestamp
from .calls import Calls


class RoutingClient:
    """Typed calls of `RoutingService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.RoutingServiceStub(calls.channel)

    async def explain(
        self,
        region: str,
        *,
        topic: str = "",
        language: str = "",
        caller_region: str = "",
        visited: Sequence[str] = (),
        priority: int = 0,
        draw: float | None = None,
        at: datetime | None = None,
    ) -> Route:
        """Decide without doing anything: every unit that could take the call, each with its verdict.

        Args:
            region: GB/T 2260 code of the place asked about.
            topic: classification code; empty: any.
            language: BCP 47 tag; Chinese if empty.
            caller_region: the place rung from; empty: not known.
            visited: units where the call was already.
            priority: 0 (usual) to 9.
            draw: the number in [0, 1) that decides between weights; drawn if None.
            at: as if it were then; now if None.
        """
        drawn = random.random() if draw is None else draw
        call = call_to_wire(Call("", region, caller_region, topic, language, tuple(visited), priority, drawn))
        request = pb.ExplainRouteRequest(call=call, at=to_timestamp(at) if at else None)
        return route_from_wire(await self._calls.unary(self._stub.ExplainRoute, request))
