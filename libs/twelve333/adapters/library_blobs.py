"""Handing out and taking in pieces of files, the same at the hub and at a node; each piece is a unit of work of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from grpc.aio import ServicerContext
from opentelemetry import metrics

from ..api.library.v1 import blobs_pb2 as pb
from ..api.library.v1 import blobs_pb2_grpc
from ..core.decision import Refused, refuse
from ..core.library.model import PIECE_BYTES
from ..core.library.pieces import PIECE_TOO_LARGE, PIECES_ASKED_MAX, TOO_MANY_PIECES
from .clock import Clock
from .library_traffic import Pace, unpaced
from .sql import library_pieces
from .sql.database import Database
from .sql.library_tables import LibraryTables

Fetch = Callable[[str, Sequence[bytes]], Awaitable[None]]

_meter = metrics.get_meter("twelve333.library")
_sent = _meter.create_counter("twelve333.library.pieces_sent", description="Pieces of files handed out.")


class LibraryBlobs(blobs_pb2_grpc.LibraryBlobServiceServicer):
    """See `LibraryBlobService`.

    Args:
        database, tables: where the pieces are.
        clock: the present moment.
        fetch: gets pieces of an entry's files that are not here; None where others are served from what is here only.
        pace: waits until so many bytes may be handed out.
    """

    def __init__(self, database: Database, tables: LibraryTables, clock: Clock, fetch: Fetch | None = None, pace: Pace = unpaced) -> None:
        self._database, self._tables, self._clock = database, tables, clock
        self._fetch, self._pace = fetch, pace

    async def ListMissingPieces(
        self,
        request: pb.ListMissingPiecesRequest,
        context: ServicerContext[pb.ListMissingPiecesRequest, pb.ListMissingPiecesResponse],
    ) -> pb.ListMissingPiecesResponse:
        """Say which pieces are not here."""
        return pb.ListMissingPiecesResponse(missing=await self._missing(request.digests))

    async def PutPieces(
        self,
        request_iterator: AsyncIterator[pb.PutPiecesRequest],
        context: ServicerContext[pb.PutPiecesRequest, pb.PutPiecesResponse],
    ) -> pb.PutPiecesResponse:
        """Keep pieces as they come."""
        kept = known = 0
        async for message in request_iterator:
            content = message.piece.content
            if not 0 < len(content) <= PIECE_BYTES:
                raise Refused(refuse(PIECE_TOO_LARGE, limit=PIECE_BYTES))
            now = self._clock()
            new = await self._database.write(lambda tx, c=content, now=now: library_pieces.keep(tx, self._tables, c, now))  # type: ignore[misc]
            kept, known = kept + new, known + (not new)
        return pb.PutPiecesResponse(kept=kept, known=known)

    async def FetchPieces(
        self, request: pb.FetchPiecesRequest, context: ServicerContext[pb.FetchPiecesRequest, pb.FetchPiecesResponse]
    ) -> AsyncIterator[pb.FetchPiecesResponse]:
        """Stream what is here, after fetching what is not."""
        lacking = await self._missing(request.digests)
        if lacking and self._fetch and request.entry_id:
            await self._fetch(request.entry_id, lacking)
        for digest in request.digests:
            content = await self._database.read(lambda tx, d=digest: library_pieces.read(tx, self._tables, d))  # type: ignore[misc]
            if content is not None:
                await self._pace(len(content))
                _sent.add(1)
                yield pb.FetchPiecesResponse(piece=pb.Piece(content=content))

    async def _missing(self, digests: Sequence[bytes]) -> list[bytes]:
        if len(digests) > PIECES_ASKED_MAX:
            raise Refused(refuse(TOO_MANY_PIECES, limit=PIECES_ASKED_MAX))
        return await self._database.read(lambda tx: library_pieces.missing(tx, self._tables, digests))
