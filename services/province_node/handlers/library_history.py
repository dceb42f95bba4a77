"""Earlier texts at a node: any day of legal force is answered from the node's own copy; what the library said before, the hub knows."""

from __future__ import annotations

from typing import Final

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_reading import as_of, day_asked, held_release, shown, with_known
from twelve333.adapters.library_texts import chosen, missing
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library_narrowing import Narrow
from twelve333.api.library.v1 import history_pb2 as pb
from twelve333.api.library.v1 import history_pb2_grpc
from twelve333.core.ids import HUB

from ..context import NodeContext
from ..store import library as store

ASK_SECONDS: Final = 10.0
TEXTS_MAX: Final = 200


class LibraryHistoryHandlers(history_pb2_grpc.LibraryHistoryServiceServicer):
    """See `LibraryHistoryService`."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    async def ListVersions(
        self, request: pb.ListVersionsRequest, context: ServicerContext[pb.ListVersionsRequest, pb.ListVersionsResponse]
    ) -> pb.ListVersionsResponse:
        """Ask the hub."""
        stub = history_pb2_grpc.LibraryHistoryServiceStub(self._node.peers.channel(HUB))
        return await stub.ListVersions(request, timeout=ASK_SECONDS)

    async def GetTextAt(
        self, request: pb.GetTextAtRequest, context: ServicerContext[pb.GetTextAtRequest, pb.GetTextAtResponse]
    ) -> pb.GetTextAtResponse:
        """Answer from the copy held here, unless an earlier state of the library is asked for."""
        day = day_asked(request.as_at)
        if request.HasField("as_of"):
            stub = history_pb2_grpc.LibraryHistoryServiceStub(self._node.peers.channel(HUB))
            return await stub.GetTextAt(request, timeout=ASK_SECONDS)

        def work(tx: Connection) -> pb.GetTextAtResponse:
            named = shown(replica.get(tx, store.tables, request.id))
            document = named.entry.document if named else request.id
            texts = replica.page(tx, store.tables, "", TEXTS_MAX, Narrow(document=document, shown=True)) if document else []
            others = [held for held in texts if held.entry_id != request.id]
            if not named and not others:
                raise missing(tx, store.tables, request.id)
            stored = with_known(tx, store.tables, chosen(request.id, [*([named] if named else []), *others], day))
            present = held_release(tx, store.tables)
            return pb.GetTextAtResponse(entry=stored, as_of=as_of(present[0], self._node.clock()) if present else None)

        return await self._node.database.read(work)
