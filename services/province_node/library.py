"""Copies the library from the hub: verified as a whole, kept in one transaction with its index, reported back.

Nothing is visible before signature, order and root have been checked; what does not hold leaves the last good release in use. A first
copy is written in pieces, which nobody sees until its release is kept; after a wrong root the next try asks for a complete copy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import grpc
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.library_reading import held_release
from twelve333.adapters.signing.documents import verify
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import recovery_pb2 as return_pb
from twelve333.api.library.v1 import recovery_pb2_grpc, service_pb2_grpc
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.ids import HUB
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import parse_release
from twelve333.core.library.merkle import digest_of, root_of
from twelve333.core.library.messages import Offer, ReleaseApplied, ReleaseRefused
from twelve333.core.library.model import Change, Leaf, Release
from twelve333.core.library.rules import apply_changes, verify_next_release
from twelve333.wire import library as wire
from twelve333.wire.documents import document_from_wire
from twelve333.wire.library_frames import frames as frames_of
from twelve333.wire.library_frames import unpack

from .context import NodeContext
from .store import library as store

PURPOSE: Final = "library"
PULL_SECONDS: Final = 900.0
PIECE: Final = 200

log = logger("library")
_meter = metrics.get_meter("twelve333.library")
_applied = _meter.create_counter("twelve333.library.releases_applied", description="Releases verified and kept.")
_refused = _meter.create_counter("twelve333.library.releases_refused", description="Releases that did not hold, by reason.")

Frames = AsyncIterator[pb.PullChangesResponse]


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A release on its way in: as signed, as read, and what its changes start from."""

    document: common_pb2.SignedDocument
    release: Release
    base: int


class LibraryPull:
    """Fetches releases from the hub; `step` is repeated in the background and after each announcement."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._ask_for_all = False

    async def step(self) -> bool:
        """Ask once; True if another release came into use.

        Raises:
            Refused: what was offered does not hold; the last good release stays in use.
            grpc.aio.AioRpcError: the hub did not answer, or went away in the middle.
        """
        held = await self._node.database.read(_held)
        request = (
            pb.PullChangesRequest(epoch=held.epoch, number=0 if self._ask_for_all else held.number) if held else pb.PullChangesRequest()
        )
        stub = service_pb2_grpc.LibrarySyncServiceStub(self._node.peers.channel(HUB))
        call = stub.PullChanges(request, timeout=PULL_SECONDS)
        try:
            return await self.take(held, aiter(call))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:  # nothing is published yet, or the hub has forgotten that it was
                if held:
                    await self._hand_back()
                return False
            raise
        finally:
            call.cancel()

    async def take(self, held: Release | None, frames: Frames) -> bool:
        """Check and keep what the hub streams, header first; report what does not hold.

        Args:
            held: the release in use, None for an empty replica.
            frames: the answer to `PullChanges`.

        Returns:
            True if another release came into use.

        Raises:
            Refused: as `step`.
        """
        incoming: _Incoming | None = None
        try:
            incoming = self._open(held, (await anext(frames)).header)
            if held and (held.epoch, held.number) == (incoming.release.epoch, incoming.release.number) and not self._ask_for_all:
                await self._all_is_well()
                return False
            taken = await (self._first_copy(incoming, frames) if held is None else self._update(incoming, frames))
        except Refused as refused:
            if refused.refusal.code is codes.ROLLED_BACK and await self._hand_back():
                return False
            await self._report(incoming.release if incoming else None, held, refused.refusal)
            raise
        self._ask_for_all = False
        _applied.add(1)
        log.info("release applied", release=taken.number, epoch=taken.epoch, entries=taken.entry_count)
        return True

    async def _hand_back(self) -> bool:
        """The hub offers less than it has signed: it was put back to a backup. Give it what we hold; False if it does not take it."""
        stub = recovery_pb2_grpc.LibraryReturnServiceStub(self._node.peers.channel(HUB))
        try:
            answer = await stub.ReturnRelease(self._held_parts(), timeout=PULL_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.warning("release not taken back by the hub", code=error.code().name)
            return False
        log.warning("release returned to the hub", release=answer.number, count=answer.entered)
        return True

    async def _held_parts(self) -> AsyncIterator[return_pb.ReturnReleaseRequest]:
        """The release as it was signed, then every entry, read a page at a time; a release that comes meanwhile makes a wrong root."""
        database = self._node.database
        held = await database.read(lambda tx: replica.last_release(tx, store.tables))
        if held is None:
            return
        yield return_pb.ReturnReleaseRequest(release=common_pb2.SignedDocument.FromString(held.document))
        after = ""
        while page := await database.read(lambda tx, last=after: replica.page(tx, store.tables, last, PIECE)):  # type: ignore[misc]
            for frame in frames_of(_handed_back(each) for each in page):
                yield return_pb.ReturnReleaseRequest(frame=frame)
            after = page[-1].entry_id

    def _open(self, held: Release | None, header: pb.PullHeader) -> _Incoming:
        """Read and check the header: signature, then order; the root must wait for the content."""
        payload = verify(document_from_wire(header.release), PURPOSE, self._node.document_key, None)
        release = parse_release(payload)
        if isinstance(release, Refusal):
            raise Refused(release)
        if release.number != header.release.version:
            raise Refused(refuse(codes.RELEASE_UNREADABLE))
        early = Offer(release, header.base, signature_valid=True, root=release.root, entry_count=release.entry_count)
        accepted(verify_next_release(held, early, self._node.clock()))
        return _Incoming(header.release, release, header.base)

    async def _first_copy(self, incoming: _Incoming, frames: Frames) -> Release:
        """Write in pieces what nobody can see yet; entries left by a copy that broke off are not written again."""
        database, seen = self._node.database, dict[str, Leaf]()
        known = await database.read(lambda tx: replica.leaves(tx, store.tables))
        async for changes in _batches(frames):
            seen.update(apply_changes({}, changes))
            fresh = [change for change in changes if not _is_known(change, known)]
            for start in range(0, len(fresh), PIECE):
                piece = fresh[start : start + PIECE]
                await database.write(lambda tx, piece=piece: replica.apply(tx, store.tables, piece))  # type: ignore[misc]

        def finish(tx: Connection) -> Release:
            replica.clear(tx, store.tables, keep=seen)
            return self._keep(tx, incoming, replica.leaves(tx, store.tables), lambda: None)

        return await database.write(finish)

    async def _update(self, incoming: _Incoming, frames: Frames) -> Release:
        """Gather the changes, then check and write them with index and release in one transaction."""
        changes = [change async for batch in _batches(frames) for change in batch]

        def keep(tx: Connection) -> Release:
            before = replica.leaves(tx, store.tables) if incoming.base else {}
            after = apply_changes(before, changes)

            def write() -> None:
                if not incoming.base:
                    replica.clear(tx, store.tables)
                replica.apply(tx, store.tables, changes)

            return self._keep(tx, incoming, after, write)

        return await self._node.database.write(keep)

    def _keep(self, tx: Connection, incoming: _Incoming, after: dict[str, Leaf], write: Callable[[], None]) -> Release:
        """The decision over everything that would be held; then write, keep the release, and tell the hub."""
        now, release = self._node.clock(), incoming.release
        offer = Offer(release, incoming.base, signature_valid=True, root=root_of(after.values()), entry_count=len(after))
        decision = accepted(verify_next_release(_held(tx), offer, now))
        write()
        held = HeldRelease(incoming.document.SerializeToString(), now)
        for event in decision.events:
            if isinstance(event, ReleaseApplied):
                replica.keep_release(tx, store.tables, release.epoch, release.number, held)
                self._node.outbox.append(tx, destination=HUB, message=wire.applied_to_wire(event), now=now)
        store.keep_sync_state(tx, HUB, store.SyncState(release.epoch, release.number), now)
        return release

    async def _all_is_well(self) -> None:
        """Forget an earlier refusal: the hub now offers what we hold."""
        node, now = self._node, self._node.clock()
        state = await node.database.read(lambda tx: store.sync_state(tx, HUB))
        if state.refusal:
            await node.database.write(lambda tx: store.keep_sync_state(tx, HUB, store.SyncState(state.epoch, state.number), now))

    async def _report(self, offered: Release | None, held: Release | None, refusal: Refusal) -> None:
        """Remember why, and tell the hub once for each reason; a wrong root is healed by a complete copy."""
        node, now, reason = self._node, self._node.clock(), refusal.code.name
        _refused.add(1, {"reason": reason})
        self._ask_for_all = refusal.code in (codes.ROOT_MISMATCH, codes.GAP, codes.CHAIN_BROKEN)
        epoch, number = (offered.epoch, offered.number) if offered else (0, 0)
        event = ReleaseRefused(epoch, number, reason, held.number if held else 0, now)

        def keep(tx: Connection) -> None:
            if store.sync_state(tx, HUB) != store.SyncState(epoch, number, reason):
                store.keep_sync_state(tx, HUB, store.SyncState(epoch, number, reason), now)
                node.outbox.append(tx, destination=HUB, message=wire.refused_to_wire(event), now=now)

        await node.database.write(keep)


def _handed_back(held: replica.Held) -> Change:
    """An entry as it goes back to a hub that lost it."""
    return Change(held.entry_id, held.version, held.release, content=held.content, recorded_at=held.recorded_at)


def last_refusal(tx: Connection) -> str:
    """The code of the last offer that did not hold; empty if all is well."""
    return store.sync_state(tx, HUB).refusal


def _held(tx: Connection) -> Release | None:
    present = held_release(tx, store.tables)
    return present[0] if present else None


def _is_known(change: Change, known: dict[str, Leaf]) -> bool:
    leaf = known.get(change.entry_id)
    return leaf is not None and (leaf.version, leaf.digest) == (change.version, digest_of(change.content))


async def _batches(frames: Frames) -> AsyncIterator[list[Change]]:
    """The changes of each frame."""
    async for message in frames:
        batch = unpack(message.frame)
        if isinstance(batch, Refusal):
            raise Refused(batch)
        yield batch
