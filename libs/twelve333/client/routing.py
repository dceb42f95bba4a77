"""Where a call would go, and why; asked of a node."""

from __future__ import annotations

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
        self, region: str, *, topic: str = "", language: str = "", visited: Sequence[str] = (), at: datetime | None = None
    ) -> Route:
        """Decide without doing anything: every unit that could take the call, each with its verdict.

        Args:
            region: GB/T 2260 code of the place asked about.
            topic: classification code; empty: any.
            language: BCP 47 tag; Chinese if empty.
            visited: units where the call was already.
            at: as if it were then; now if None.
        """
        call = call_to_wire(Call("", region, "", topic, language, tuple(visited)))
        request = pb.ExplainRouteRequest(call=call, at=to_timestamp(at) if at else None)
        return route_from_wire(await self._calls.unary(self._stub.ExplainRoute, request))
