"""Where a call would go, and why; asked of a node."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from ..api.routing.v1 import replay_pb2, replay_pb2_grpc, service_pb2_grpc
from ..api.routing.v1 import service_pb2 as pb
from ..core.routing.model import Call, Route
from ..core.routing.policy import Policy
from ..core.routing.replay import Change, WhatIf
from ..wire.policy import policy_to_wire
from ..wire.routing import call_to_wire, route_from_wire
from ..wire.times import to_timestamp
from .calls import Calls


class RoutingClient:
    """Typed calls of `RoutingService` and `ReplayService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.RoutingServiceStub(calls.channel)
        self._replay = replay_pb2_grpc.ReplayServiceStub(calls.channel)

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

    async def replay(self, handoff_id: str) -> tuple[Route, Route, bool]:
        """A handoff's decision as it was kept, as it comes out anew, and whether both are the same bit for bit."""
        answer = await self._calls.unary(self._replay.ReplayRoute, replay_pb2.ReplayRouteRequest(id=handoff_id))
        return route_from_wire(answer.kept), route_from_wire(answer.again), answer.same

    async def compare(self, policy: Policy, *, since: datetime | None = None, until: datetime | None = None) -> WhatIf:
        """What rules would change, by the node's past calls.

        Args:
            policy: the rules proposed for one unit.
            since, until: aware; calls from then on, and before then. The last 31 days if None.
        """
        request = replay_pb2.CompareRulesRequest(policy=policy_to_wire(policy), since=_stamp(since), until=_stamp(until))
        answer = await self._calls.unary(self._replay.CompareRules, request)
        changes = tuple(Change(each.hour, each.topic, each.before, each.after, each.calls) for each in answer.changes)
        return WhatIf(answer.calls, changes)


def _stamp(moment: datetime | None) -> Timestamp | None:
    return to_timestamp(moment) if moment else None
