"""Earlier texts of the library of record, by the time they were recorded and the time they were in force."""

from __future__ import annotations

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_reading import day_asked, with_known
from twelve333.adapters.library_texts import chosen, missing
from twelve333.adapters.sql.library import Held
from twelve333.api.library.v1 import history_pb2 as pb
from twelve333.api.library.v1 import history_pb2_grpc, library_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.library import codes
from twelve333.core.library.model import Change
from twelve333.wire.library import change_to_wire
from twelve333.wire.times import from_timestamp

from ..context import HubContext
from ..store import library as store
from ..store import library_history as history


class LibraryHistoryHandlers(history_pb2_grpc.LibraryHistoryServiceServicer):
    """See `LibraryHistoryService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: ServicerContext[pb.ListVersionsRequest, pb.ListVersionsResponse]
    ) -> pb.ListVersionsResponse:
        """List the texts of an entry."""
        found = await self._hub.database.read(lambda tx: history.versions(tx, request.id))
        if not found:
            raise Refused(refuse(codes.ENTRY_NOT_FOUND, id=request.id[:64]))
        return pb.ListVersionsResponse(versions=map(_version, found))

    async def GetTextAt(
        self, request: pb.GetTextAtRequest, context: ServicerContext[pb.GetTextAtRequest, pb.GetTextAtResponse]
    ) -> pb.GetTextAtResponse:
        """Give the text that was in force on a day, as the library had it at a moment."""
        day = day_asked(request.as_at)
        moment = from_timestamp(request.as_of) if request.HasField("as_of") else self._hub.clock()

        def work(tx: Connection) -> library_pb2.StoredEntry:
            texts = map(_held, history.texts_of(tx, request.id, history.release_at(tx, moment)))
            named = [held for held in texts if request.id == held.entry_id or day or request.id == held.entry.document]
            if not named and not request.HasField("as_of"):
                raise missing(tx, store.tables, request.id)
            return with_known(tx, store.tables, chosen(request.id, named, day))

        return pb.GetTextAtResponse(entry=await self._hub.database.read(work))


def _held(change: Change) -> Held:
    return Held(change.entry_id, change.version, change.release, change.content, change.recorded_at)


def _version(change: Change) -> pb.EntryVersion:
    """A change without its content, and the entry without its text."""
    message = change_to_wire(change)
    if change.tombstone is not None:
        return pb.EntryVersion(change=message)
    message.ClearField("content")
    entry = library_pb2.Entry.FromString(change.content)
    entry.ClearField("body")
    return pb.EntryVersion(change=message, entry=entry)
