"""A decision again, as it was kept, and what other rules would change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.calendar import announced_calendar
from twelve333.api.registration.v1 import registration_pb2
from twelve333.api.routing.v1 import replay_pb2 as pb
from twelve333.api.routing.v1 import replay_pb2_grpc
from twelve333.core.decision import Refused, refuse
from twelve333.core.routing import codes
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.model import Call
from twelve333.core.routing.policy import Policies, policies_by_unit
from twelve333.core.routing.policy_rules import check_policy
from twelve333.core.routing.replay import again, what_if
from twelve333.wire.coverage import asked_time
from twelve333.wire.directory import snapshot_from_wire
from twelve333.wire.policy import policy_from_wire
from twelve333.wire.routing import route_to_wire

from ..context import NodeContext
from ..routing_view import RoutingView
from ..store import past_calls, past_directories
from ..store import routing as store

CALLS_MAX: Final = 100_000


class ReplayHandlers(replay_pb2_grpc.ReplayServiceServicer):
    """See `ReplayService`."""

    def __init__(self, node: NodeContext, view: RoutingView) -> None:
        self._node, self._view = node, view

    async def ReplayRoute(
        self, request: pb.ReplayRouteRequest, context: ServicerContext[pb.ReplayRouteRequest, pb.ReplayRouteResponse]
    ) -> pb.ReplayRouteResponse:
        """Decide again what was decided for a handoff."""

        def load(tx: Connection) -> tuple[Handoff, registration_pb2.Directory]:
            handoff = store.load_handoff(tx, request.id)
            if handoff is None or handoff.route is None:
                raise Refused(refuse(codes.HANDOFF_UNKNOWN, id=request.id[:64]))
            directory = past_directories.load_past(tx, handoff.route.version)
            if directory is None:
                raise Refused(refuse(codes.REPLAY_DIRECTORY_GONE, version=handoff.route.version))
            return handoff, directory

        handoff, directory = await self._node.database.read(load)
        kept, calendar = handoff.route, announced_calendar()
        assert kept is not None  # noqa: S101 - refused above
        if kept.calendar != calendar.version:
            raise Refused(refuse(codes.REPLAY_CALENDAR_OTHER, kept=kept.calendar, installed=calendar.version))
        policies = policies_by_unit(map(policy_from_wire, directory.policies))
        anew = again(kept, snapshot_from_wire(directory, calendar), policies)
        return pb.ReplayRouteResponse(kept=route_to_wire(kept), again=route_to_wire(anew), same=kept == anew)

    async def CompareRules(
        self, request: pb.CompareRulesRequest, context: ServicerContext[pb.CompareRulesRequest, pb.CompareRulesResponse]
    ) -> pb.CompareRulesResponse:
        """Decide past calls by the rules in force and by those proposed."""
        snapshot, present = self._view.snapshot, self._view.policies
        policy = policy_from_wire(request.policy, strict=True)
        if refusal := check_policy(policy, snapshot.units.keys(), snapshot.declarations):
            raise Refused(refusal)
        proposed: dict[str, Policies] = {**present, policy.unit: Policies(policy)}
        until = asked_time(request.until) if request.HasField("until") else self._node.clock()
        since = asked_time(request.since) if request.HasField("since") else until - timedelta(days=31)
        calls = await self._calls(since, until)
        found = what_if(calls, snapshot, present, proposed)
        changes = [
            pb.RouteChange(hour=each.hour, topic=each.topic, before=each.before, after=each.after, calls=each.calls)
            for each in found.changes
        ]
        return pb.CompareRulesResponse(calls=found.calls, changes=changes)

    async def _calls(self, since: datetime, until: datetime) -> list[tuple[Call, datetime]]:
        return await self._node.database.read(lambda tx: past_calls.past_calls(tx, since, until, CALLS_MAX))
