"""Which units answer, and for what; asked of the hub or of a node."""

from __future__ import annotations

from datetime import datetime

from ..api.coverage.v1 import service_pb2 as pb
from ..api.coverage.v1 import service_pb2_grpc
from ..core.coverage.report import Report
from ..core.coverage.rules import Answer
from ..wire.coverage import answer_from_wire, report_from_wire
from ..wire.times import to_timestamp
from .calls import Calls


class CoverageClient:
    """Typed calls of `CoverageService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.CoverageServiceStub(calls.channel)

    async def report(
        self, *, target_open: int | None = None, target_with_system: int | None = None, as_of: datetime | None = None
    ) -> Report:
        """Open units per province and in total, and how far the country is from its targets.

        Args:
            target_open: units that should be open; 340 if None.
            target_with_system: open units that should use a consulting system; 300 if None.
            as_of: aware; as the units stood then, or will by plan (hub only). As they stand now if None.
        """
        day = to_timestamp(as_of) if as_of else None
        request = pb.GetCoverageRequest(target_open=target_open, target_with_system=target_with_system, as_of=day)
        return report_from_wire(await self._calls.unary(self._stub.GetCoverage, request))

    async def resolve(self, region: str, *, topic: str = "", language: str = "", at: datetime | None = None) -> Answer:
        """Who answers for a region, and why not the others.

        Args:
            region: GB/T 2260 code of the place asked about.
            topic: classification code; empty: any.
            language: BCP 47 tag; Chinese if empty.
            at: aware time; now if None.
        """
        when = to_timestamp(at) if at else None
        request = pb.ResolveCoverageRequest(region=region, topic=topic, language=language, at=when)
        return answer_from_wire(await self._calls.unary(self._stub.ResolveCoverage, request))
