"""Finds what is damaged in a node's copy of the library, down to one byte, and mends it from the hub or another province.

Everything is read and hashed here first. Only if the tree over what is found differs from the signed root is somebody asked, part by part
from the root downward, and no digest is believed that does not hash to what is above it. What is mended gets rows of its own, so nothing of
the damage stays behind, and searches see it from one moment to the next.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

import grpc
from sqlalchemy import Connection

from twelve333.adapters.sql import library_staging as staging
from twelve333.adapters.sql.library import ready_of, reindex
from twelve333.adapters.sql.library_check import Damage, Seen, empty_index, index_sums, seen_after
from twelve333.adapters.sql.library_log import GONE
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.library import codes
from twelve333.core.library.merkle import BUCKET_HEX_DIGITS, bucket_digest, bucket_of, digest_of, node_digest
from twelve333.core.library.model import Change, Leaf, Release
from twelve333.core.library.tree import Tree
from twelve333.wire.library_frames import unpack

from .context import NodeContext
from .library import LibraryPull
from .library_source import Source
from .store import library as store

PAGE: Final = 64
IDS: Final = 500
INDEX: Final = "(index)"

log = logger("library")
T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What a check found.

    Args:
        number: of the release compared with.
        entries: read.
        damaged: what of which entry.
        repaired: ids of those mended.
        member: who was asked, empty if nobody.
        wire_bytes, repair_bytes: of the messages to find and to mend.
        seconds: it took.
    """

    number: int
    entries: int = 0
    damaged: dict[str, Damage] = field(default_factory=dict)
    repaired: set[str] = field(default_factory=set)
    member: str = ""
    wire_bytes: int = 0
    repair_bytes: int = 0
    seconds: float = 0.0


class LibraryCheck:
    """Checks and mends; copying waits meanwhile, reading does not.

    Args:
        node: its ports.
        pull: copies the library; its lock is taken.
        others: provinces that may be asked after the hub.
    """

    def __init__(self, node: NodeContext, pull: LibraryPull, others: Callable[[], Sequence[str]]) -> None:
        self._node, self._pull, self._others = node, pull, others
        self._running = False

    async def run(self, repair: bool, member: str = "") -> Report:
        """Check everything; mend it if asked.

        Args:
            repair: mend what is found.
            member: ask only this one; empty: the hub, then others.

        Raises:
            Refused: LIBRARY_NOTHING_APPLIED, LIBRARY_CHECK_RUNNING, LIBRARY_NOBODY_TO_REPAIR_FROM.
        """
        if self._running:
            raise Refused(refuse(codes.CHECK_RUNNING))
        self._running, started = True, time.perf_counter()
        try:
            async with self._pull.lock:
                report = await self._run(repair, [member] if member else [HUB, *self._others()])
        finally:
            self._running = False
        report.seconds = time.perf_counter() - started
        log.info("library checked", entries=report.entries, count=len(report.damaged), origin=report.member)
        return report

    async def _run(self, repair: bool, members: Sequence[str]) -> Report:
        release = await self._pull.held()
        if release is None:
            raise Refused(refuse(codes.NOTHING_APPLIED))
        await self._pull.index_all()
        report, seen = Report(release.number), await self._seen()
        report.entries = len(seen)
        report.damaged = {one.change.entry_id: one.damaged for one in seen if one.damaged}
        await self._compare_index(seen, report, repair)
        wanted: dict[str, Leaf | None] = {}
        tree = Tree.of(one.leaf for one in seen)
        if tree.root != release.root:
            try:
                wanted = await self._ask(members, report, partial(self._descend, release=release, tree=tree))
            except Refused:
                if repair or not report.damaged:  # what this copy tells by itself is said also while nobody answers
                    raise
            for entry_id, leaf in wanted.items():
                there = report.damaged.get(entry_id) or (Damage.METADATA if leaf and tree.leaf(entry_id) else Damage.PRESENCE)
                report.damaged[entry_id] = there
        if repair and report.damaged:
            await self._mend(members, report, release, seen, wanted)
        return report

    async def _seen(self) -> list[Seen]:
        """Every entry, looked at a page at a time; contents are let go again."""
        found: list[Seen] = []
        while page := await self._node.database.read(partial(_page, after=found[-1].row_id if found else 0)):
            found += [replace(one, change=replace(one.change, content=b"")) for one in page]
        return found

    async def _compare_index(self, seen: Sequence[Seen], report: Report, repair: bool) -> None:
        """Compare the index with the texts; one that cannot be read at all is filled anew."""
        sums = await self._node.database.read(index_sums)
        if sums is None:
            report.damaged[INDEX] = Damage.INDEX
            if repair:
                await self._node.database.write(_fill_anew)
                report.repaired.add(INDEX)
            return
        for one in seen:
            if one.damaged is None and sums.get(one.row_id, 0) != one.grams:
                report.damaged[one.change.entry_id] = Damage.INDEX

    async def _descend(self, source: Source, release: Release, tree: Tree) -> dict[str, Leaf | None]:
        """Find the entries that differ, from the root downward: the leaf each must have, None if it must not be there."""
        wanted: dict[str, Leaf | None] = {}
        parts = {"": release.root}
        while parts:
            part, digest = parts.popitem()
            if len(part) == BUCKET_HEX_DIGITS:
                leaves = await source.leaves(release, part)
                if bucket_digest(leaves) != digest:
                    raise Refused(refuse(codes.PART_MISMATCH, part=part))
                theirs, ours = ({leaf.entry_id: leaf for leaf in some} for some in (leaves, tree.leaves(part)))
                wanted |= {name: theirs.get(name) for name in theirs | ours if theirs.get(name) != ours.get(name)}
                continue
            below = await source.digests(release, part)
            if node_digest(below.values()) != digest:
                raise Refused(refuse(codes.PART_MISMATCH, part=part))
            parts |= {name: each for name, each in below.items() if each != tree.digest(name)}
        return wanted

    async def _mend(
        self, members: Sequence[str], report: Report, release: Release, seen: Sequence[Seen], wanted: dict[str, Leaf | None]
    ) -> None:
        """Put right entries in the place of damaged ones: from here where the content is right, else from another member."""
        lost = {name: leaf for name, leaf in wanted.items() if leaf}
        ask = {one.change.entry_id: one.leaf for one in seen if not one.sealed and one.change.entry_id not in wanted} | lost
        came = await self._ask(members, report, partial(self._fetch, release=release, leaves=ask)) if ask else []
        have = {change.entry_id for change in came} | set(wanted)
        here = [one for one in seen if one.change.entry_id in report.damaged and one.change.entry_id not in have]
        mended = [*came, *await self._node.database.read(partial(_contents, seen=here))]
        mended += [Change(name, 1, 0, tombstone=GONE) for name, leaf in wanted.items() if leaf is None]
        now, coming = self._node.clock(), ready_of(mended)

        def show(tx: Connection) -> None:
            staging.drop(tx, store.staging)
            store.keep_progress(tx, store.Progress())
            staging.stage(tx, store.tables, store.staging, mended, coming)
            staging.show(tx, store.tables, store.staging, now)

        if mended:
            await self._node.database.write(show)
            self._pull.forget_tree()
        report.repaired |= {change.entry_id for change in mended}

    async def _fetch(self, source: Source, release: Release, leaves: dict[str, Leaf]) -> list[Change]:
        """Entries from another member, each of which must hash to its leaf."""
        came: list[Change] = []
        ids = sorted(leaves)
        for start in range(0, len(ids), IDS):
            chosen = ids[start : start + IDS]
            async for frame in source.parts(release, sorted({bucket_of(name) for name in chosen}), chosen):
                batch = unpack(frame)
                if isinstance(batch, Refusal):
                    raise Refused(batch)
                came += batch
        if {Leaf(change.entry_id, change.version, digest_of(change.content)) for change in came} != set(leaves.values()):
            raise Refused(refuse(codes.PART_MISMATCH, part=bucket_of(ids[0])))
        return came

    async def _ask(self, members: Sequence[str], report: Report, question: Callable[[Source], Awaitable[T]]) -> T:
        """Ask one member after the other, until one can answer."""
        for member in members:
            source = Source(self._node.peers, member)
            try:
                answer = await question(source)
            except (grpc.aio.AioRpcError, Refused) as error:
                log.info("not answered", destination=member, kind=type(error).__name__)
                continue
            report.member = member
            report.repair_bytes += source.frame_bytes
            report.wire_bytes += source.wire_bytes - source.frame_bytes
            return answer
        raise Refused(refuse(codes.NOBODY_TO_REPAIR_FROM, count=len(members)))


def _page(tx: Connection, after: int) -> list[Seen]:
    return seen_after(tx, store.tables, after, PAGE)


def _contents(tx: Connection, seen: Sequence[Seen]) -> list[Change]:
    """Entries of which only the row or the index is damaged, with their contents as they are."""
    return [found.change for one in seen for found in seen_after(tx, store.tables, one.row_id - 1, 1)]


def _fill_anew(tx: Connection) -> None:
    """Empty an index that cannot be read, and fill it from the contents."""
    empty_index(tx)
    reindex(tx, store.tables)
