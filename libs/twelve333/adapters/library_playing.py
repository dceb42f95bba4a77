"""What telephone systems play, compared with what the library has for it: said at a node, told to the hub, listed at both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from grpc.aio import ServicerContext
from sqlalchemy import Connection, Table

from ..api.library.v1 import blobs_pb2 as pb
from ..api.library.v1 import blobs_pb2_grpc
from ..core.decision import Refused, refuse
from ..core.library import codes
from ..core.library.model import HASH_BYTES
from ..core.library.pieces import NO_PROMPT, plays
from ..wire.times import to_timestamp
from .clock import Clock
from .sql import library as replica
from .sql.database import Database
from .sql.library_playing import all_playing, keep_playing
from .sql.library_tables import LibraryTables


@dataclass(frozen=True, slots=True)
class LibraryPlaying(blobs_pb2_grpc.LibraryPlayingServiceServicer):
    """See `LibraryPlayingService`.

    Args:
        database, tables, table: the replica, and where what is played is kept.
        clock: the present moment.
        member: who reports here.
        tell: tells the hub, within the unit of work (node).
    """

    database: Database
    tables: LibraryTables
    table: Table
    clock: Clock
    member: str = ""
    tell: Callable[[Connection, pb.PromptPlaying, datetime], None] = lambda tx, event, now: None

    async def ReportPlaying(
        self, request: pb.ReportPlayingRequest, context: ServicerContext[pb.ReportPlayingRequest, pb.ReportPlayingResponse]
    ) -> pb.ReportPlayingResponse:
        """Keep what is played, and tell when it changed, and once a day."""
        now = self.clock()

        def work(tx: Connection) -> bool:
            held = replica.get(tx, self.tables, request.entry_id)
            if held is None:
                raise Refused(refuse(codes.ENTRY_NOT_FOUND, id=request.entry_id[:64]))
            right = plays(held.entry)
            if right is None or len(request.digest) != HASH_BYTES:
                raise Refused(refuse(NO_PROMPT, id=request.entry_id[:64]))
            if keep_playing(tx, self.table, self.member, request.entry_id, request.digest, now):
                event = pb.PromptPlaying(entry_id=request.entry_id, digest=request.digest, reported_at=to_timestamp(now))
                self.tell(tx, event, now)
            return right == request.digest

        return pb.ReportPlayingResponse(as_published=await self.database.write(work))

    async def ListPlaying(
        self, request: pb.ListPlayingRequest, context: ServicerContext[pb.ListPlayingRequest, pb.ListPlayingResponse]
    ) -> pb.ListPlayingResponse:
        """List what is played where."""
        return pb.ListPlayingResponse(playing=await self.database.read(self._list))

    def _list(self, tx: Connection) -> list[pb.Playing]:
        right: dict[str, bytes | None] = {}
        listed: list[pb.Playing] = []
        for row in all_playing(tx, self.table):
            if row.entry_id not in right:
                held = replica.get(tx, self.tables, row.entry_id)
                right[row.entry_id] = plays(held.entry) if held else None
            digest = bytes.fromhex(row.digest)
            said = {"member": row.member, "entry_id": row.entry_id, "digest": digest, "reported_at": to_timestamp(row.reported_at)}
            listed.append(pb.Playing(**said, as_published=right[row.entry_id] == digest))
        return listed
