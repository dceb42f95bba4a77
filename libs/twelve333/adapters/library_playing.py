"""What telephone systems play, compared with what the library has for it: said at a node, told to the hub, listed at both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from ..api.library.v1 import blobs_pb2 as pb
from ..api.library.v1 import blobs_pb2_grpc
from ..core.decision import Refused, refuse
from ..core.library import codes
from ..core.library.model import HASH_BYTES
from ..core.library.pieces import NO_PROMPT, PLAYING_NOT_SERVED, plays
from ..wire.times import to_timestamp
from .clock import Clock
from .sql import library as replica
from .sql.database import Database
from .sql.library_playing import Played, PlayingTables, all_playing, keep_playing
from .sql.library_tables import LibraryTables

Told = pb.PromptPlaying | pb.UnitPromptPlaying


@dataclass(frozen=True, slots=True)
class LibraryPlaying(blobs_pb2_grpc.LibraryPlayingServiceServicer):
    """See `LibraryPlayingService`.

    Args:
        database, tables, playing: the replica, and where what is played is kept.
        clock: the present moment.
        serving: which member serves each unit that is not closed, now.
        member: who reports here.
        tell: tells the hub, within the unit of work (node).
    """

    database: Database
    tables: LibraryTables
    playing: PlayingTables
    clock: Clock
    serving: Callable[[Connection], Mapping[str, str]]
    member: str = ""
    tell: Callable[[Connection, Told, datetime], None] = lambda tx, event, now: None

    async def ReportPlaying(
        self, request: pb.ReportPlayingRequest, context: ServicerContext[pb.ReportPlayingRequest, pb.ReportPlayingResponse]
    ) -> pb.ReportPlayingResponse:
        """Keep what is played, and tell when it changed, and once a day."""
        now = self.clock()

        def work(tx: Connection) -> bool:
            right = self._right(tx, request)
            played = Played(self.member, request.entry_id, request.digest, now, request.unit)
            if keep_playing(tx, self.playing, played):
                self.tell(tx, _told(played), now)
            return right == request.digest

        return pb.ReportPlayingResponse(as_published=await self.database.write(work))

    def _right(self, tx: Connection, request: pb.ReportPlayingRequest) -> bytes:
        """The sound that the prompt should be played with, if that may be reported here."""
        if request.unit and self.serving(tx).get(request.unit) != self.member:
            raise Refused(refuse(PLAYING_NOT_SERVED, unit=request.unit[:64]))
        held = replica.get(tx, self.tables, request.entry_id)
        if held is None:
            raise Refused(refuse(codes.ENTRY_NOT_FOUND, id=request.entry_id[:64]))
        right = plays(held.entry)
        if right is None or len(request.digest) != HASH_BYTES:
            raise Refused(refuse(NO_PROMPT, id=request.entry_id[:64]))
        return right

    async def ListPlaying(
        self, request: pb.ListPlayingRequest, context: ServicerContext[pb.ListPlayingRequest, pb.ListPlayingResponse]
    ) -> pb.ListPlayingResponse:
        """List what is played where."""
        return pb.ListPlayingResponse(playing=await self.database.read(self._list))

    def _list(self, tx: Connection) -> list[pb.Playing]:
        """All but what was reported for a unit by a member that it has left, or before it was closed: nobody answers for that any more."""
        right: dict[str, bytes | None] = {}
        serving, listed = self.serving(tx), list[pb.Playing]()
        for one in all_playing(tx, self.playing):
            if one.unit and serving.get(one.unit) != one.member:
                continue
            if one.entry_id not in right:
                held = replica.get(tx, self.tables, one.entry_id)
                right[one.entry_id] = plays(held.entry) if held else None
            shown = pb.Playing(member=one.member, unit=one.unit, entry_id=one.entry_id, digest=one.digest)
            shown.as_published = right[one.entry_id] == one.digest
            shown.reported_at.CopyFrom(to_timestamp(one.reported_at))
            listed.append(shown)
        return listed


def _told(played: Played) -> Told:
    """What the hub is told: of a unit by an event of its own, which a hub of an older program sets aside until it knows it."""
    at = to_timestamp(played.reported_at)
    if played.unit:
        return pb.UnitPromptPlaying(unit=played.unit, entry_id=played.entry_id, digest=played.digest, reported_at=at)
    return pb.PromptPlaying(entry_id=played.entry_id, digest=played.digest, reported_at=at)
