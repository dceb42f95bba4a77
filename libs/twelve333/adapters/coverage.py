"""`CoverageService` over any directory: the hub answers from its register, a node from its replica, both by the same rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from grpc.aio import ServicerContext

from ..api.coverage.v1 import service_pb2 as pb
from ..api.coverage.v1 import service_pb2_grpc
from ..core.coverage.codes import HISTORY_AT_HUB
from ..core.coverage.declaring import check_question
from ..core.coverage.history import AsOf
from ..core.coverage.model import DEFAULT_LANGUAGE
from ..core.coverage.report import Targets, report
from ..core.coverage.rules import who_answers
from ..core.coverage.snapshot import Snapshot
from ..core.decision import Refused, refuse
from ..wire.coverage import answer_to_wire, asked_time, report_to_wire
from .clock import Clock

History = Callable[[datetime], Awaitable[AsOf]]


class CoverageHandlers(service_pb2_grpc.CoverageServiceServicer):
    """See `CoverageService`.

    Args:
        snapshot: the directory in use as it holds at a time; may refuse with REGISTRATION_DIRECTORY_MISSING.
        clock: the present moment.
        history: how units stood at a time; None where nobody keeps it.
    """

    def __init__(self, snapshot: Callable[[datetime], Awaitable[Snapshot]], clock: Clock, history: History | None = None) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._history = history

    async def GetCoverage(
        self, request: pb.GetCoverageRequest, context: ServicerContext[pb.GetCoverageRequest, pb.GetCoverageResponse]
    ) -> pb.GetCoverageResponse:
        """Count open units per province and in total."""
        usual = Targets()
        targets = Targets(
            request.target_open if request.HasField("target_open") else usual.open,
            request.target_with_system if request.HasField("target_with_system") else usual.with_system,
        )
        if not request.HasField("as_of"):
            snapshot = await self._snapshot(self._clock())
            return report_to_wire(report(snapshot.units.values(), targets), snapshot.version)
        if self._history is None:
            raise Refused(refuse(HISTORY_AT_HUB))
        stood = await self._history(asked_time(request.as_of))
        return report_to_wire(report(stood.units, targets), 0, sorted(stood.by_plan))

    async def ResolveCoverage(
        self, request: pb.ResolveCoverageRequest, context: ServicerContext[pb.ResolveCoverageRequest, pb.ResolveCoverageResponse]
    ) -> pb.ResolveCoverageResponse:
        """Tell who answers, and why not the others."""
        language = request.language or DEFAULT_LANGUAGE
        if refusal := check_question(request.region, request.topic, language):
            raise Refused(refusal)
        at = asked_time(request.at) if request.HasField("at") else self._clock()
        return answer_to_wire(who_answers(await self._snapshot(at), request.region, request.topic, language, at))
