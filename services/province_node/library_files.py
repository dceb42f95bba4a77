"""Fetches files of the library piece by piece, from the hub or from any other province that has them.

Which pieces belong to a file stands in the entry, under the signature of the release, so it does not matter who hands them over: what has
another hash is thrown away. Each piece is kept as it comes; what broke off goes on with what is missing. Prompts come by themselves, other
files when a desk asks, or by the kinds and topics that the settings name. What comes by itself is bulk: it yields to all else of the
library and stops for what is urgent; what a desk waits for is not, and keeps within the caps of the line too.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import Final

import grpc
from sqlalchemy import Connection

from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_pieces
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.library.v1 import blobs_pb2 as pb
from twelve333.api.library.v1 import blobs_pb2_grpc
from twelve333.core.decision import Refused
from twelve333.core.ids import HUB
from twelve333.core.library.copying import Lane
from twelve333.core.library.model import Entry
from twelve333.core.library.pieces import digests_of

from .context import NodeContext
from .store.library import tables

PIECES_AT_ONCE: Final = 16
FETCH_SECONDS: Final = 120.0
EVERYTHING: Final = "all"

log = logger("library")


class LibraryFiles:
    """The node's side of fetching; `step` is repeated in the background.

    Args:
        node: its ports.
        traffic: lanes and caps of the library.
    """

    def __init__(self, node: NodeContext, traffic: Traffic) -> None:
        self._node, self._traffic = node, traffic

    async def step(self) -> bool:
        """Fetch what the settings name and is not here yet; True if something came."""
        wanted = await self._node.database.read(self._wanted)
        return bool(wanted) and len(await self.fetch(wanted, Lane.BULK)) < len(wanted)

    async def fetch_for(self, entry_id: str, digests: Sequence[bytes]) -> None:
        """Fetch pieces that a desk asks for, so far as they are of the files of that entry."""
        held = await self._node.database.read(lambda tx: replica.get(tx, tables, entry_id))
        own = set(digests_of(held.entry)) if held else set[bytes]()
        await self.fetch([digest for digest in digests if digest in own], Lane.NORMAL)

    async def fetch(self, digests: Sequence[bytes], lane: Lane) -> set[bytes]:
        """Ask one member after the other until all pieces are here, or they have to make way; returns those that are not here."""
        left = dict.fromkeys(digests)
        with self._traffic.using(lane):
            for source in self._sources():
                await self._all_from(source, left, lane)
                if not left or self._yields(lane):
                    break
        if left and not self._yields(lane):
            log.warning("files not there", count=len(left))
        return set(left)

    async def _all_from(self, source: str, left: dict[bytes, None], lane: Lane) -> None:
        """Take out of `left` what `source` hands over, until it fails or what is urgent waits."""
        for batch in _batches(list(left)):
            try:
                async with aclosing(self._from(source, batch)) as pieces:
                    async for digest, size in pieces:
                        left.pop(digest, None)
                        await self._traffic.turn(lane, size)
                        if self._yields(lane):
                            return
            except (grpc.aio.AioRpcError, Refused) as error:
                log.info("files not fetched", destination=source, kind=type(error).__name__)
                return

    def _yields(self, lane: Lane) -> bool:
        """Whether pieces make way for something urgent."""
        return lane is Lane.BULK and self._traffic.hurried

    async def _from(self, source: str, digests: Sequence[bytes]) -> AsyncGenerator[tuple[bytes, int], None]:
        """The pieces that `source` hands over and that are what they should be, kept as they come, and their bytes."""
        stub, asked = blobs_pb2_grpc.LibraryBlobServiceStub(self._node.peers.channel(source)), set(digests)
        call = stub.FetchPieces(pb.FetchPiecesRequest(digests=digests), timeout=FETCH_SECONDS)
        try:
            async for message in call:
                content, now = message.piece.content, self._node.clock()
                digest = sha256(content).digest()
                if digest not in asked:
                    log.warning("piece is not what was asked for", origin=source)
                    continue
                await self._node.database.write(lambda tx, c=content, now=now: library_pieces.keep(tx, tables, c, now))  # type: ignore[misc]
                yield digest, len(content)
        finally:
            call.cancel()

    def _sources(self) -> list[str]:
        """The hub, then the other provinces in no fixed order, so that none bears it all."""
        node, revoked = self._node, self._node.directory.revocations
        names = (member.name for member in node.directory.current.members)
        others = [name for name in names if name != node.province and not revoked.covers(name)]
        return [HUB, *random.sample(others, len(others))]

    def _wanted(self, tx: Connection) -> list[bytes]:
        names = self._node.settings.library.files
        entries = [entry for entry in library_pieces.with_files(tx, tables) if is_wanted(entry, names)]
        return library_pieces.missing(tx, tables, [digest for entry in entries for digest in digests_of(entry)])


def is_wanted(entry: Entry, names: Sequence[str]) -> bool:
    """Whether an entry's files come by themselves: by its kind, or by the beginning of one of its topics, or all."""
    topics = tuple(name for name in names if name[:1].isdigit())
    return EVERYTHING in names or entry.kind.value in names or (bool(topics) and any(topic.startswith(topics) for topic in entry.topics))


def _batches(digests: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [digests[start : start + PIECES_AT_ONCE] for start in range(0, len(digests), PIECES_AT_ONCE)]
