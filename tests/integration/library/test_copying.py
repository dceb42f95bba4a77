"""A node copies the hub's library over what the hub's own handlers stream: whole, in steps, broken off, tampered with, restored.

Hub and node are the real handlers and stores on their own databases; only the wire between them is a function call, so that a test
can hold, cut or change what travels.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from tests.support.postgres import Cluster

from national_hub.context import HubContext
from national_hub.handlers.library import LibraryPublishHandlers, LibrarySyncHandlers
from national_hub.store import delivery_of as hub_delivery
from national_hub.store import registration
from province_node.context import NodeContext
from province_node.library import LibraryPull, last_refusal
from province_node.store import delivery_of as node_delivery
from province_node.store import library as node_store
from twelve333.adapters.library_reading import LibraryReading, held_release
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.identity import Caller, Role
from twelve333.core.library.merkle import root_of
from twelve333.core.library.model import Entry, EntryKind, Release, Tombstone, TombstoneReason
from twelve333.core.registration.model import Member
from twelve333.wire.library import content_of, tombstone_to_wire
from twelve333.wire.library_frames import FRAME_CHANGES_MAX

START = datetime(2014, 3, 30, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
Parts = list[pb.PullChangesResponse]


def _entry(name: str, body: str = "工伤认定") -> Entry:
    return Entry(name, EntryKind.QA, f"题 {name}", body, ("04",))


@dataclass
class Hub:
    """The hub's handlers on a database of its own."""

    context: HubContext

    async def publish(self, *entries: Entry, remove: str = "", strict: bool = False) -> pb.PublishEntriesResponse:
        async def stream() -> AsyncIterator[pb.PublishEntriesRequest]:
            yield pb.PublishEntriesRequest(header=pb.PublishHeader(strict=strict))
            for entry in entries:
                yield pb.PublishEntriesRequest(entry=content_of(entry))
            if remove:
                tombstone = tombstone_to_wire(Tombstone(TombstoneReason.WITHDRAWN))
                yield pb.PublishEntriesRequest(removal=pb.Removal(entry_id=remove, tombstone=tombstone))

        context = cast("Any", SimpleNamespace(invocation_metadata=lambda: ()))
        access._caller.set(Caller(Role.OPERATOR, "hub", "operator"))
        return await LibraryPublishHandlers(self.context).PublishEntries(stream(), context)

    async def pull(self, held: Release | None) -> Parts:
        request = pb.PullChangesRequest(epoch=held.epoch, number=held.number) if held else pb.PullChangesRequest()
        return [part async for part in LibrarySyncHandlers(self.context).PullChanges(request, cast("Any", None))]


@dataclass
class Node:
    """The node's copying and reading on a database of its own."""

    context: NodeContext

    def __post_init__(self) -> None:
        self.pulling = LibraryPull(self.context)

    async def held(self) -> Release | None:
        present = await self.context.database.read(lambda tx: held_release(tx, node_store.tables))
        return present[0] if present else None

    async def take(self, parts: Parts) -> bool:
        async def stream() -> AsyncIterator[pb.PullChangesResponse]:
            for part in parts:
                yield part

        return await self.pulling.take(await self.held(), stream())

    async def found(self, query: str) -> list[str]:
        reading = LibraryReading(self.context.database, node_store.tables, self.context.clock)
        answer = await reading.Search(pb.SearchRequest(query=query, limit=50), cast("Any", None))
        return sorted(hit.entry.entry.id for hit in answer.hits)

    async def told(self) -> list[str]:
        """Types of the events that wait for the hub, in order."""
        outbox = node_store.sync_table.metadata.tables["outbox"]
        rows = await self.context.database.read(lambda tx: tx.execute(select(outbox.c.type).order_by(outbox.c.sequence)).scalars().all())
        return [name.rpartition(".")[2] for name in rows]


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "sqlite":
        yield [f"sqlite:///{tmp_path / name}.db" for name in ("hub", "node")]
        return
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    made = [cluster.create_database() for _ in range(2)]
    yield made
    for url in made:
        cluster.drop_database(url)


async def _open(service: str, url: str, begin: Any) -> Database:
    migrate.upgrade(service, url)
    database = open_database(url)
    await database.write(lambda tx: begin(tx, START))
    return database


@pytest.fixture
async def hub(urls: list[str]) -> AsyncIterator[Hub]:
    outbox = hub_delivery("hub").outbox
    database = await _open("national_hub", urls[0], outbox.begin_epoch)
    settings = cast("Any", SimpleNamespace(locale="en"))
    yield Hub(HubContext(settings, database, outbox, lambda: START, cast("Any", None), KEY))
    await database.close()


@pytest.fixture
async def node(urls: list[str]) -> AsyncIterator[Node]:
    outbox = node_delivery("350000").outbox
    database = await _open("province_node", urls[1], outbox.begin_epoch)
    unused = cast("Any", None)
    async with grpc.aio.insecure_channel("127.0.0.1:1") as nobody:
        peers = cast("Any", SimpleNamespace(channel=lambda _member: nobody))
        yield Node(NodeContext(unused, database, outbox, lambda: START + timedelta(seconds=1), unused, peers, public_bytes(KEY)))
    await database.close()


async def _same(hub: Hub, node: Node) -> None:
    """The node holds what the hub holds, root and all."""
    parts = await hub.pull(None)
    held = await node.held()
    assert held is not None and parts[0].header.release.version == held.number
    leaves = await node.context.database.read(lambda tx: replica.leaves(tx, node_store.tables))
    assert root_of(leaves.values()) == held.root


async def test_a_first_copy_then_steps_keep_the_node_equal(hub: Hub, node: Node) -> None:
    await hub.publish(_entry("a"), _entry("b"), _entry("c", "养老金"))
    assert await node.take(await hub.pull(None))
    await _same(hub, node)
    assert await node.found("工伤") == ["a", "b"]
    await hub.publish(_entry("b", "失业金"), _entry("d"))
    await hub.publish(remove="a")
    parts = await hub.pull(await node.held())
    assert (parts[0].header.base, parts[0].header.change_count) == (1, 3)
    assert await node.take(parts)
    await _same(hub, node)
    assert await node.found("工伤") == ["d"]
    assert await node.told() == ["ReleaseApplied", "ReleaseApplied"]


async def test_nothing_new_is_a_header_and_changes_nothing(hub: Hub, node: Node) -> None:
    await hub.publish(_entry("a"))
    await node.take(await hub.pull(None))
    parts = await hub.pull(await node.held())
    assert len(parts) == 1 and parts[0].ByteSize() <= 512
    assert not await node.take(parts)
    assert await node.told() == ["ReleaseApplied"]


async def test_nothing_is_visible_before_the_first_release_is_whole(hub: Hub, node: Node) -> None:
    await hub.publish(*(_entry(f"e{i}", f"工伤 {i}") for i in range(FRAME_CHANGES_MAX + 50)))
    parts = await hub.pull(None)
    assert len(parts) == 3
    with pytest.raises(Refused) as refused:
        await node.take(parts[:2])
    assert refused.value.refusal.code.name == "LIBRARY_ROOT_MISMATCH"
    with pytest.raises(Refused) as empty:
        await node.found("工伤")
    assert empty.value.refusal.code.name == "LIBRARY_NOTHING_APPLIED"
    assert await node.take(parts)
    await _same(hub, node)


async def test_a_copy_that_broke_off_goes_on_with_a_newer_release(hub: Hub, node: Node) -> None:
    await hub.publish(*(_entry(f"e{i}", f"工伤 {i}") for i in range(FRAME_CHANGES_MAX + 50)))
    with pytest.raises(Refused):
        await node.take((await hub.pull(None))[:2])
    await hub.publish(_entry("e1", "养老"), remove="e0")
    assert await node.take(await hub.pull(None))
    await _same(hub, node)
    assert await node.found("养老") == ["e1"]


async def test_a_changed_byte_is_refused_reported_once_and_healed(hub: Hub, node: Node) -> None:
    await hub.publish(_entry("a"))
    await node.take(await hub.pull(None))
    good = await node.held()
    await hub.publish(_entry("a", "甲"), _entry("b"))
    parts = await hub.pull(good)
    await hub.publish(_entry("a", "乙"))
    mixed = [parts[0], *(await hub.pull(good))[1:]]
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            await node.take(mixed)
        assert refused.value.refusal.code.name == "LIBRARY_ROOT_MISMATCH"
    assert await node.held() == good
    assert await node.found("工伤") == ["a"]
    assert await node.context.database.read(last_refusal) == "LIBRARY_ROOT_MISMATCH"
    assert await node.told() == ["ReleaseApplied", "ReleaseRefused"]
    assert await node.take(await hub.pull(None))
    await _same(hub, node)
    assert await node.context.database.read(last_refusal) == ""


async def test_an_older_release_is_refused(hub: Hub, node: Node) -> None:
    await hub.publish(_entry("a"))
    old = await hub.pull(None)
    await hub.publish(_entry("b"))
    await node.take(await hub.pull(None))
    with pytest.raises(Refused) as refused:
        await node.take(old)
    assert refused.value.refusal.code.name == "LIBRARY_ROLLED_BACK"
    assert await node.found("工伤") == ["a", "b"]


async def test_a_release_of_another_key_is_refused(hub: Hub, node: Node) -> None:
    thief = Hub(replace(hub.context, documents=Ed25519PrivateKey.generate()))
    await thief.publish(_entry("a"))
    with pytest.raises(Refused) as refused:
        await node.take(await thief.pull(None))
    assert refused.value.refusal.code.name == "SECURITY_DOCUMENT_WRONG_KEY"
    assert await node.held() is None


async def test_a_restored_hub_is_followed_under_its_new_epoch(hub: Hub, node: Node) -> None:
    await hub.publish(_entry("a"), _entry("b"))
    await node.take(await hub.pull(None))
    later = START + timedelta(days=1)
    await hub.context.database.write(lambda tx: hub.context.outbox.begin_epoch(tx, later))
    await hub.publish(_entry("c"), remove="a")
    parts = await hub.pull(await node.held())
    assert parts[0].header.base == 0
    assert await node.take(parts)
    await _same(hub, node)
    assert await node.found("工伤") == ["b", "c"]


async def test_a_publication_during_a_copy_does_not_disturb_it(hub: Hub, node: Node) -> None:
    await hub.publish(*(_entry(f"e{i:03}", f"工伤 {i}") for i in range(FRAME_CHANGES_MAX + 50)))
    sync = LibrarySyncHandlers(hub.context)
    parts: Parts = []
    async for part in sync.PullChanges(pb.PullChangesRequest(), cast("Any", None)):
        parts.append(part)
        if len(parts) == 2:
            await hub.publish(_entry("e300", "改过"), remove="e299")
    assert await node.take(parts)
    held = await node.held()
    assert held is not None and held.number == 1


async def test_publishing_tells_every_member_and_says_what_was_left_out(hub: Hub) -> None:
    fuzhou = Member("350000", "127.0.0.1:1", "01", START)
    await hub.context.database.write(lambda tx: registration.save_member(tx, fuzhou))
    answer = await hub.publish(_entry("a"), replace(_entry("b"), topics=("77",)))
    assert (answer.added, answer.release.number) == (1, 1)
    assert [(one.index, one.entry_id, one.code) for one in answer.rejected] == [(1, "b", "LIBRARY_TOPIC_UNKNOWN")]
    assert "77" in answer.rejected[0].message
    again = await hub.publish(_entry("a"))
    assert (again.unchanged, again.release.number) == (1, 1)
    with pytest.raises(Refused):
        await hub.publish(_entry("c"), replace(_entry("d"), topics=()), strict=True)
    heads = await hub.context.database.read(hub.context.outbox.heads)
    assert [(head.destination, head.sequence) for head in heads] == [("350000", 1)]
