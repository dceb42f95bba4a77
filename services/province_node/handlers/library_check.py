"""Checks and mends the node's copy of the library, for its operators."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from grpc.aio import ServicerContext

from twelve333.adapters.sql.library_check import Damage
from twelve333.api.library.v1 import checking_pb2 as pb
from twelve333.api.library.v1 import checking_pb2_grpc

from ..library_check import LibraryCheck

DAMAGE_OUT: Final = {
    Damage.CONTENT: pb.DAMAGED_PART_CONTENT,
    Damage.METADATA: pb.DAMAGED_PART_METADATA,
    Damage.INDEX: pb.DAMAGED_PART_INDEX,
    Damage.PRESENCE: pb.DAMAGED_PART_PRESENCE,
}


class LibraryCheckHandlers(checking_pb2_grpc.LibraryCheckServiceServicer):
    """See `LibraryCheckService`."""

    def __init__(self, check: LibraryCheck) -> None:
        self._check = check

    async def CheckLibrary(
        self, request: pb.CheckLibraryRequest, context: ServicerContext[pb.CheckLibraryRequest, pb.CheckLibraryResponse]
    ) -> pb.CheckLibraryResponse:
        """Check, and mend if asked."""
        report = await self._check.run(request.repair, request.member)
        took = Duration()
        took.FromTimedelta(timedelta(seconds=report.seconds))
        return pb.CheckLibraryResponse(
            number=report.number,
            entries=report.entries,
            damaged=[
                pb.DamagedEntry(entry_id=name, part=DAMAGE_OUT[what], repaired=name in report.repaired)
                for name, what in sorted(report.damaged.items())
            ],
            member=report.member,
            wire_bytes=report.wire_bytes,
            repair_bytes=report.repair_bytes,
            took=took,
        )
