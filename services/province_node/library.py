"""Copies the library from the hub, or from another province while the hub is away: verified as a whole, shown in one transaction, reported.

Nothing is visible before signature, order and root have been checked; what does not hold leaves the last good release in use, and what is
known of it is kept only then. What came by the log and does not add up is compared part by part the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Final

import grpc
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.library_reading import held_release
from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.rpc.errors import told_by_peer
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_log as log_of
from twelve333.adapters.sql import library_staging as staging
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.sql.library_waiting import ROWS_MAX
from twelve333.adapters.sql.library_withheld import show_all, withhold
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.ids import HUB
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import parse_release
from twelve333.core.library.copying import Lane, Way, is_expired, is_refreshed, lane, wanted_parts, way
from twelve333.core.library.messages import Offer, ReleaseApplied, ReleaseRefused
from twelve333.core.library.model import EVERYTHING, Release, Scope
from twelve333.core.library.rules import verify_next_release
from twelve333.core.library.tree import PART_HEX_DIGITS, Tree, root_over
from twelve333.wire import library as wire
from twelve333.wire.documents import document_from_wire

from .context import NodeContext
from .library_arrivals import arriving
from .library_intake import Intake
from .library_parts import Parts
from .library_return import hand_back
from .library_source import Offered, Source
from .store import library as store

PURPOSE: Final = "library"
ROUNDS_MAX: Final = 50
AT_ONCE_MAX: Final = 64  # changes that are in use so soon that none of them need be withheld before
INDEXED_AT_ONCE: Final = 32  # other writers of the database wait meanwhile
REMOVALS_KEPT: Final = timedelta(days=400)
AGAIN: Final = frozenset({codes.RELEASE_NOT_HELD.name, codes.BEYOND_HORIZON.name})
COMPARED: Final = (codes.ROOT_MISMATCH, codes.PART_MISMATCH, codes.CHAIN_BROKEN, codes.FRAME_UNREADABLE)

log = logger("library")
_meter = metrics.get_meter("twelve333.library")
_applied = _meter.create_counter("twelve333.library.releases_applied", description="Releases verified and kept.")
_refused = _meter.create_counter("twelve333.library.releases_refused", description="Releases that did not hold, by reason.")


class Overtaken(Exception):
    """Something urgent was told: what has come so far is kept, and the hub is asked again."""


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A release on its way in: as signed, as read, and since when its sender knows every removal."""

    document: common_pb2.SignedDocument
    release: Release
    horizon: int


class LibraryPull:
    """Fetches releases; `step` is repeated in the background and after each announcement.

    Args:
        node: its ports.
        scope: what part of the library this node holds.
        traffic: lanes and caps.
        others: provinces that may be asked while the hub is away.
        removals_kept: for how long removals are remembered for those who copy from here.
        learn: lets who searches this replica learn a little of what is written, and says whether there is more.
    """

    def __init__(
        self,
        node: NodeContext,
        scope: Scope = EVERYTHING,
        traffic: Traffic | None = None,
        others: Callable[[], Sequence[str]] = lambda: (),
        removals_kept: timedelta = REMOVALS_KEPT,
        learn: Callable[[Connection], bool] = lambda tx: False,
    ) -> None:
        self._node, self.scope, self._others, self._removals_kept = node, scope, others, removals_kept
        self._traffic = traffic or Traffic((), node.clock)
        self._learn = learn
        self.lock = asyncio.Lock()  # around everything that writes the replica
        self._compare = False
        self._untidy = True
        self._tree: tuple[Release, Tree] | None = None
        self._turn = 0

    async def step(self) -> bool:
        """Ask once; True if another release came into use.

        Raises:
            Refused: what was offered does not hold; the last good release stays in use.
            grpc.aio.AioRpcError: nobody answered, or went away in the middle.
        """
        async with self.lock:
            try:
                return await self.copy_from(HUB)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.NOT_FOUND:  # nothing is published yet, or the hub has forgotten that it was
                    if await self.held():
                        await self._handed_back()
                    return False
                others = self._others()
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED) or not others:
                    raise
                self._turn += 1
                return await self.copy_from(others[self._turn % len(others)])
            finally:
                await self._tidy_up()

    async def copy_from(self, member: str) -> bool:
        """Ask one member for what is newer, and take it; True if another release came into use. The caller holds `lock`."""
        source = Source(self._node.peers, member)
        for _ in range(ROUNDS_MAX):
            held = await self.held()
            try:
                return await self.take(source, held, await source.checkpoint(held, self.scope))
            except Overtaken:
                continue
            except grpc.aio.AioRpcError as error:
                told = told_by_peer(error)
                if told is None or told.code.name not in AGAIN:
                    raise
                self._compare |= told.code.name == codes.BEYOND_HORIZON.name
        return False

    async def _handed_back(self) -> bool:
        """Whether the hub took back what it has signed and forgotten; a part of the library is no use to it."""
        return self.scope == EVERYTHING and await hand_back(self._node)

    async def held(self) -> Release | None:
        """The release in use, None for an empty replica."""
        return await self._node.database.read(_held)

    async def take(self, source: Source, held: Release | None, offered: Offered) -> bool:
        """Check what a member offers, fetch it and take it into use; report what does not hold."""
        incoming: _Incoming | None = None
        try:
            if offered.document is None:
                await self._confirmed(held)
                await self.tree_of(held)  # so that the next release need not wait for it
                return False
            incoming = self._open(held, offered)
            if not await self._fetch(source, held, incoming):
                return False
        except Refused as refused:
            back = refused.refusal.code is codes.ROLLED_BACK
            if back and (source.member != HUB or await self._handed_back()):
                return False
            await self._node.database.write(lambda tx: show_all(tx, store.tables))
            await self._report(incoming.release if incoming else None, held, refused.refusal)
            raise
        self._compare = False
        _applied.add(1)
        release = incoming.release
        log.info("release applied", release=release.number, epoch=release.epoch, entries=release.entry_count, origin=source.member)
        return True

    async def tree_of(self, held: Release | None) -> Tree:
        """The tree of the release in use, as its rows say; kept in memory from one release to the next."""
        if held is None:
            return Tree.of(())
        if self._tree is None or self._tree[0] != held:
            leaves = await self._node.database.read(lambda tx: replica.leaves(tx, store.tables))
            self._tree = held, await asyncio.to_thread(Tree.of, leaves.values())
        return self._tree[1]

    async def index_all(self) -> None:
        """Bring the index up to date; the caller holds `lock`."""
        while await self._node.database.write(_index):
            pass

    def forget_tree(self) -> None:
        """Read the tree anew the next time: rows were mended."""
        self._tree = None

    def _open(self, held: Release | None, offered: Offered) -> _Incoming:
        """Read and check the checkpoint: signature, then its place in the line; the root must wait for the content."""
        document = offered.document or common_pb2.SignedDocument()
        release = parse_release(self._node.document_keys.verify_older(document_from_wire(document), PURPOSE, self._node.clock()))
        if isinstance(release, Refusal):
            raise Refused(release)
        if release.number != document.version:
            raise Refused(refuse(codes.RELEASE_UNREADABLE))
        if release.scope != self.scope:
            raise Refused(refuse(codes.WRONG_SCOPE, number=release.number))
        early = Offer(release, signature_valid=True, root=release.root, entry_count=release.entry_count)
        accepted(verify_next_release(held, early, self._node.clock()))
        return _Incoming(document, release, offered.horizon)

    async def _fetch(self, source: Source, held: Release | None, incoming: _Incoming) -> bool:
        """Get what is lacking and show it; False if nothing is."""
        release = incoming.release
        how = way(held, release, incoming.horizon)
        if how is Way.NOTHING and not self._compare:
            await self._refresh(held, incoming)
            return False
        if held and how is Way.CHANGES and lane(held, release) is Lane.URGENT and source.member == HUB:
            await self._withhold(source, held, release)
        before = await self.tree_of(held)
        few = held is not None and how is Way.CHANGES and release.sequence - held.sequence <= ROWS_MAX
        intake, through = Intake(self._node, held, before, few=few), lane(held, release)
        if through is not Lane.URGENT:
            self._traffic.settled()
        try:
            with self._traffic.using(through):
                if how is Way.CHANGES and not self._compare:
                    await self._log(source, release, intake, through)
                else:
                    how = Way.PARTS
                    await self._parts(source, release, intake, through)
            await self._show(held, incoming, intake, how)
        finally:
            await intake.settled()
            if through is Lane.URGENT:
                self._traffic.settled()
        return True

    async def _withhold(self, source: Source, held: Release, release: Release) -> None:
        """Stop showing what an urgent release changes, if much else comes with it; only the hub is believed before the root is checked."""
        if release.sequence - held.sequence > AT_ONCE_MAX:
            ids = await source.urgent(release, held.sequence)
            count = await self._node.database.write(lambda tx: withhold(tx, store.tables, ids))
            log.info("entries withheld", release=release.number, count=count)

    async def _log(self, source: Source, release: Release, intake: Intake, through: Lane) -> None:
        """Take what the log says, from where an earlier try ended."""
        after = await intake.take_kept_log(release.epoch, await intake.resume(release.epoch))
        coming = arriving(self._node.database, self._paced(source.log(release, after), through), log=True)
        async with aclosing(coming) as frames:
            async for position, frame in frames:
                await intake.take(await intake.open(frame), release.epoch, position)
                self._make_way(through)

    async def _parts(self, source: Source, release: Release, intake: Intake, through: Lane) -> None:
        """Compare part by part, and take those that differ."""
        await intake.take_kept()
        ours = await intake.tree()
        theirs = await source.digests(release, "", PART_HEX_DIGITS)
        if root_over(theirs) != release.root:
            raise Refused(refuse(codes.PART_MISMATCH, part=""))
        parts = Parts(ours, theirs, wanted_parts(ours, theirs))
        if parts.names:
            coming = arriving(self._node.database, self._paced(source.parts(release, parts.names), through), log=False)
            async with aclosing(coming) as frames:
                async for position, frame in frames:
                    await intake.take_parts(parts.take(await intake.open(frame)), position)
                    self._make_way(through)
        await intake.take_parts(parts.finish())

    async def _paced(self, frames: AsyncIterator[pb.Frame], through: Lane) -> AsyncGenerator[pb.Frame, None]:
        """Frames, each in its turn."""
        async for frame in frames:
            await self._traffic.turn(through, len(frame.payload))
            yield frame

    def _make_way(self, through: Lane) -> None:
        """Break off for something urgent."""
        if through is not Lane.URGENT and self._traffic.hurried:
            raise Overtaken

    async def _show(self, held: Release | None, incoming: _Incoming, intake: Intake, how: Way) -> None:
        """The decision over everything that would be held; then show it, keep the release, and tell the hub, in one transaction."""
        node, now, release, after = self._node, self._node.clock(), incoming.release, await intake.tree()
        offer = Offer(release, signature_valid=True, root=after.root, entry_count=after.count)
        decision = accepted(verify_next_release(held, offer, now))
        if intake.beside and not intake.few:
            await self._catch_up()

        def keep(tx: Connection) -> None:
            horizon = max(log_of.horizon(tx, store.tables), log_of.forget_tombstones(tx, store.tables, now - self._removals_kept))
            if intake.beside:
                staging.show(tx, store.tables, store.staging, now, intake.known)
            show_all(tx, store.tables)
            kept = HeldRelease(incoming.document.SerializeToString(), now, horizon if how is Way.CHANGES else release.sequence)
            replica.keep_release(tx, store.tables, release.epoch, release.number, kept)
            store.keep_progress(tx, store.Progress())
            for event in decision.events:
                if isinstance(event, ReleaseApplied):
                    node.outbox.append(tx, destination=HUB, message=wire.applied_to_wire(event), now=now)
            store.keep_sync_state(tx, HUB, store.SyncState(release.epoch, release.number), now)

        await node.database.write(keep)
        self._tree, self._untidy = (release, after), True

    async def _catch_up(self) -> None:
        """Let who searches learn all that is written."""
        while await self._node.database.read(self._learn):
            pass

    async def _tidy_up(self) -> None:
        """Let what came be learnt, index what waits for that, and remove what the release before left behind."""
        if not self._untidy:
            return
        await self._catch_up()
        if await self._by_and_by(_index):
            await self._catch_up()
            self._untidy = not await self._by_and_by(_sweep)

    async def _by_and_by(self, some: Callable[[Connection], int]) -> bool:
        """Do something a little at a time, half of the time; False if something urgent came between."""
        while not self._traffic.hurried:
            began = monotonic()
            if not await self._node.database.write(some):
                return True
            await self._traffic.rest(monotonic() - began)
        return False

    async def _refresh(self, held: Release | None, incoming: _Incoming) -> None:
        """Keep the checkpoint of the release in use that was signed anew for longer."""
        if held and is_refreshed(held, incoming.release):
            now, release = self._node.clock(), incoming.release

            def keep(tx: Connection) -> None:
                replica.renew_release(tx, store.tables, release.epoch, release.number, incoming.document.SerializeToString())
                store.keep_sync_state(tx, HUB, store.SyncState(release.epoch, release.number), now)

            await self._node.database.write(keep)
            if self._tree and self._tree[0] == held:
                self._tree = release, self._tree[1]

    async def _confirmed(self, held: Release | None) -> None:
        """Nothing newer is offered: forget an earlier refusal, unless what we hold has expired, which nobody honest lets happen."""
        node, now = self._node, self._node.clock()
        if held and is_expired(held, now):
            raise Refused(refuse(codes.FROZEN, number=held.number))
        state = await node.database.read(lambda tx: store.sync_state(tx, HUB))
        if state.refusal:
            await node.database.write(lambda tx: store.keep_sync_state(tx, HUB, store.SyncState(state.epoch, state.number), now))

    async def _report(self, offered: Release | None, held: Release | None, refusal: Refusal) -> None:
        """Remember why, and tell the hub once for each reason; what did not add up is compared part by part the next time."""
        node, now, reason = self._node, self._node.clock(), refusal.code.name
        _refused.add(1, {"reason": reason})
        self._compare = refusal.code in COMPARED
        if self._compare:
            self.forget_tree()
        epoch, number = (offered.epoch, offered.number) if offered else (0, 0)
        event = ReleaseRefused(epoch, number, reason, held.number if held else 0, now)

        def keep(tx: Connection) -> None:
            if self._compare:
                staging.drop(tx, store.staging)
                store.keep_progress(tx, store.Progress())
            if store.sync_state(tx, HUB) != store.SyncState(epoch, number, reason):
                store.keep_sync_state(tx, HUB, store.SyncState(epoch, number, reason), now)
                node.outbox.append(tx, destination=HUB, message=wire.refused_to_wire(event), now=now)

        await node.database.write(keep)


def last_refusal(tx: Connection) -> str:
    """The code of the last offer that did not hold; empty if all is well."""
    return store.sync_state(tx, HUB).refusal


def _held(tx: Connection) -> Release | None:
    present = held_release(tx, store.tables)
    return present[0] if present else None


def _index(tx: Connection) -> int:
    return replica.index_waiting(tx, store.tables, INDEXED_AT_ONCE)


def _sweep(tx: Connection) -> int:
    return staging.sweep(tx, store.tables, store.staging)
