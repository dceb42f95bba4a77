"""Where what comes of a release is written: straight into a replica that shows nothing yet, or beside one that is in use.

Either way in transactions of a few entries, each with how far it went, so that a search never waits and a program that was killed goes on
where it was. While one is written the next is made ready on another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Final

from sqlalchemy import Connection, select

from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_staging as staging
from twelve333.adapters.sql import library_waiting as waiting
from twelve333.adapters.sql.library import Ready
from twelve333.adapters.sql.library_waiting import Room
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.decision import Refusal, Refused
from twelve333.core.library.model import Change, Entry, Release
from twelve333.core.library.tree import Tree
from twelve333.wire.library_frames import KnownText, Texts, changes_of, open_frame, patched

from .context import NodeContext
from .store import library as store
from .store import library_frames as frames

PIECE_BYTES: Final = 400_000  # of texts a transaction, since others who write wait for it: some 60 entries, a tenth of a second
WAITING_PIECE_BYTES: Final = 2_000_000  # where none of it is indexed yet
PIECE_CHANGES_MAX: Final = replica.CHUNK
FIRST_PIECE_BYTES: Final = 1_000_000  # while nothing is in use


class Intake:
    """Takes the changes of one release.

    Args:
        node: its database is written.
        held: the release in use, None for a replica that shows nothing yet.
        tree: of the release in use.
        few: whether so few changes come that they are in use before they are indexed.
    """

    def __init__(self, node: NodeContext, held: Release | None, tree: Tree, *, few: bool = False) -> None:
        self._database, self._held, self._tree, self.few = node.database, held, tree, few
        self._writing: asyncio.Future[None] | None = None
        self._room: Room | None = None
        self.known: dict[bytes, Entry] = {}  # what was taken and waits for the index, by the digest of its content

    @property
    def beside(self) -> bool:
        """Whether something is in use that must stay as it is until the release is whole."""
        return self._held is not None

    async def resume(self, epoch: int) -> int:
        """How far the log was taken already on the way from the release in use, 0 if it was not; what came on another way is dropped."""
        if self._held is None:
            return 0
        base = store.Progress(epoch, self._held.number, self._held.sequence)

        def work(tx: Connection) -> int:
            at = store.progress(tx)
            if (at.epoch, at.base) == (base.epoch, base.base) and at.sequence >= base.sequence:
                return at.sequence
            frames.forget(tx)
            staging.drop(tx, store.staging)
            store.keep_progress(tx, base)
            return base.sequence

        return await self._database.write(work)

    async def take(self, changes: Sequence[Change], epoch: int, frame: int = 0) -> None:
        """Write changes of the log, a few a transaction, each with how far it went; `frame` as in `take_parts`."""
        async for piece, indexed in self._pieces(changes):
            at = store.Progress(epoch, self._held.number if self._held else 0, piece[-1].sequence)
            await self._next(piece, indexed, at, frame if piece[-1] is changes[-1] else 0)

    async def take_parts(self, changes: Sequence[Change], frame: int = 0) -> None:
        """Write entries of parts, and removals that follow from them; how far it went is told by the tree.

        Args:
            frame: under which position the frame that they came in is kept; it is forgotten with the last of them.
        """
        async for piece, indexed in self._pieces(changes):
            await self._next(piece, indexed, store.Progress(), frame if piece[-1] is changes[-1] else 0)

    async def take_kept(self) -> None:
        """Write what an earlier run had received of parts and not written; what cannot be read is asked for again."""
        for position, frame in await self._database.read(partial(frames.waiting, log=False)):
            try:
                await self.take_parts(await self.open(pb.Frame.FromString(frame)), position)
            except Refused:
                break
        await self.drop_kept()

    async def take_kept_log(self, epoch: int, after: int) -> int:
        """As `take_kept`, what was received of the log after a sequence; returns the last one taken."""
        for position, frame in await self._database.read(partial(frames.waiting, log=True)):
            try:
                changes = await self.open(pb.Frame.FromString(frame), after)
                await self.take(changes, epoch, position)
            except Refused:
                break
            after = changes[-1].sequence if changes else after
        await self.drop_kept()
        return after

    async def drop_kept(self) -> None:
        """Forget what was received and not written."""
        await self.settled()
        await self._database.write_along(frames.forget)

    async def settled(self) -> None:
        """Wait until all that was taken is written."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def tree(self) -> Tree:
        """The tree over everything that would be held."""
        await self.settled()
        if self._held is None:
            leaves = await self._database.read(lambda tx: replica.leaves(tx, store.tables))
            return await asyncio.to_thread(Tree.of, leaves.values())
        put, gone = await self._database.read(lambda tx: staging.staged_leaves(tx, store.staging))
        return await asyncio.to_thread(self._tree.changed, put, gone)

    async def open(self, frame: pb.Frame, after: int = 0) -> list[Change]:
        """The changes of a frame; what came as a difference is put together with what was taken last, else with what is in use.

        Args:
            frame: as it came.
            after: of the log what comes after this sequence; what was taken of it already is no difference to what was there before.

        Raises:
            Refused: LIBRARY_FRAME_*.
        """
        batch = await asyncio.to_thread(open_frame, frame)
        if isinstance(batch, Refusal):
            raise Refused(batch)
        if after:
            batch = pb.ChangeBatch(changes=[change for change in batch.changes if change.sequence > after])
        ids = patched(batch)
        if ids:
            await self.settled()
        texts = await self._database.read(partial(_texts, ids=ids)) if ids else {}
        changes = await asyncio.to_thread(changes_of, batch, texts)
        if isinstance(changes, Refusal):
            raise Refused(changes)
        return changes

    async def _pieces(self, changes: Sequence[Change]) -> AsyncIterator[tuple[Sequence[Change], bool]]:
        """Changes in groups that are written in one transaction each, and whether into the index as well: not if they may wait for it."""
        waits = self.few and (await self._room_left()).takes([len(change.content) for change in changes])
        most = WAITING_PIECE_BYTES if waits else PIECE_BYTES if self.beside else FIRST_PIECE_BYTES
        begin, size = 0, 0
        for end, change in enumerate(changes):
            if end > begin and (size + len(change.content) > most or (end - begin == PIECE_CHANGES_MAX and not waits)):
                yield changes[begin:end], not waits
                begin, size = end, 0
            size += len(change.content)
        if begin < len(changes):
            yield changes[begin:], not waits

    async def _room_left(self) -> Room:
        """How much more may wait for the index; nobody else takes of it."""
        if self._room is None:
            self._room = await self._database.read(lambda tx: waiting.room(tx, store.tables))
        return self._room

    async def _next(self, piece: Sequence[Change], indexed: bool, at: store.Progress, frame: int = 0) -> None:
        """Make a piece ready, and write it once the one before is written."""
        coming = await asyncio.to_thread(replica.ready_of, piece, indexed=indexed)
        if not indexed:
            self.known |= {one.digest: one.entry for one in coming}
        await self.settled()
        self._writing = asyncio.ensure_future(self._database.write(partial(self._write, piece=piece, coming=coming, at=at, frame=frame)))

    def _write(self, tx: Connection, piece: Sequence[Change], coming: Sequence[Ready], at: store.Progress, frame: int) -> None:
        if self.beside:
            staging.stage(tx, store.tables, store.staging, piece, coming)
            store.keep_progress(tx, at)
        else:
            replica.apply_ready(tx, store.tables, [change.entry_id for change in piece], coming)
        if frame:
            frames.forget(tx, frame)


def _texts(tx: Connection, ids: list[str]) -> Texts:
    s, e, c = store.staging.library_staged.c, store.tables.library_entries.c, store.tables.library_contents.c
    found: Texts = {}
    for table in (e, s):
        for start in range(0, len(ids), replica.CHUNK):
            chosen = table.entry_id.in_(ids[start : start + replica.CHUNK])
            rows = tx.execute(select(table.entry_id, table.version, c.content).where(c.row_id == table.row_id, chosen))
            found |= {row.entry_id: KnownText(row.version, bytes(row.content)) for row in rows}
    return found
