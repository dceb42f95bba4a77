"""A hub that publishes and nodes that copy it and each other over gRPC with mutual TLS, each on a database of its own; what a member
sends can be held, cut or changed on its way."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from national_hub.access import FEDERATION as HUB_ACCESS
from national_hub.context import HubContext
from national_hub.handlers.library import LibraryPublishHandlers, LibrarySyncHandlers
from national_hub.handlers.library_copying import HubCopyHandlers
from national_hub.settings import Library as HubLibrary
from national_hub.store import delivery_of as hub_delivery
from province_node.access import FEDERATION as NODE_ACCESS
from province_node.context import NodeContext
from province_node.library import LibraryPull
from province_node.store import delivery_of as node_delivery
from province_node.store import library as node_store
from tests.support.members import Federation as Authorities
from twelve333.adapters.library_reading import LibraryReading, held_release
from twelve333.adapters.library_serving import LibraryCopyHandlers
from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.rpc import access
from twelve333.adapters.rpc.credentials import channel_credentials, server_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, RpcServer, build_server
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.api.library.v1 import copying_pb2 as pb
from twelve333.api.library.v1 import copying_pb2_grpc, service_pb2, service_pb2_grpc
from twelve333.core.identity import FEDERATION_DOMAIN, Caller, Role, hub_identity, node_identity
from twelve333.core.ids import HUB
from twelve333.core.library import codes
from twelve333.core.library.copying import Lane
from twelve333.core.library.model import EVERYTHING, Entry, EntryKind, Release, Scope, Tombstone, TombstoneReason
from twelve333.wire.library import LANE_OUT, content_of, tombstone_to_wire

START = datetime(2014, 3, 30, 1, tzinfo=UTC)
DIED = grpc.StatusCode.UNAVAILABLE


def entry(name: str, body: str = "工伤认定", **more: Any) -> Entry:
    """A Q&A under social insurance."""
    return Entry(**{"id": name, "kind": EntryKind.QA, "title": f"题 {name}", "body": body, "topics": ("04",)} | more)


@dataclass
class Way:
    """What happens to what a member sends.

    Args:
        checkpoint: the answer to give instead.
        frame: what becomes of a frame.
        cut_after: frames after which the stream breaks, None for never.
        older: the member's program does not know that a single frame of the log can be asked for.
        sent: frames sent so far.
        asked: what was asked so far.
    """

    checkpoint: Callable[[pb.GetCheckpointResponse], pb.GetCheckpointResponse] = lambda answer: answer
    frame: Callable[[service_pb2.Frame], service_pb2.Frame] = lambda frame: frame
    cut_after: int | None = None
    older: bool = False
    sent: list[service_pb2.Frame] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def put_in(self, answers: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """The answers as they arrive."""
        async for answer in answers:
            if self.cut_after is not None and len(self.sent) >= self.cut_after:
                await context.abort(DIED, "cut")
            self.sent.append(answer.frame)
            answer.frame.CopyFrom(self.frame(answer.frame))
            if self.older:
                answer.ClearField("last")
            yield answer


def _on_the_way(kind: type[LibraryCopyHandlers]) -> Any:
    """Handlers whose answers go through a `Way`."""

    class Changed(kind):  # type: ignore[misc, valid-type]
        way: Way

        async def GetCheckpoint(self, request: Any, context: Any) -> Any:
            self.way.asked.append("checkpoint")
            return self.way.checkpoint(await super().GetCheckpoint(request, context))

        async def GetDigests(self, request: Any, context: Any) -> Any:
            self.way.asked.append(f"digests {request.part}")
            return await super().GetDigests(request, context)

        async def PullLog(self, request: Any, context: Any) -> Any:
            self.way.asked.append(f"log {request.after}")
            request.one = request.one and not self.way.older
            async for answer in self.way.put_in(super().PullLog(request, context), context):
                yield answer

        async def PullParts(self, request: Any, context: Any) -> Any:
            self.way.asked.append("parts")
            request.one = request.one and not self.way.older
            async for answer in self.way.put_in(super().PullParts(request, context), context):
                yield answer

    return Changed


@dataclass
class Hub:
    """The hub's handlers."""

    context: HubContext
    way: Way

    async def publish(
        self, *entries: Entry | bytes, remove: str = "", reason: TombstoneReason = TombstoneReason.WITHDRAWN, lane: Lane | None = None
    ) -> service_pb2.PublishEntriesResponse:
        """Publish as an operator; an entry may be bytes."""

        async def stream() -> AsyncIterator[service_pb2.PublishEntriesRequest]:
            header = service_pb2.PublishHeader(lane=LANE_OUT[lane]) if lane else service_pb2.PublishHeader()
            yield service_pb2.PublishEntriesRequest(header=header)
            for each in entries:
                yield service_pb2.PublishEntriesRequest(entry=each if isinstance(each, bytes) else content_of(each))
            if remove:
                removal = service_pb2.Removal(entry_id=remove, tombstone=tombstone_to_wire(Tombstone(reason)))
                yield service_pb2.PublishEntriesRequest(removal=removal)

        context = cast("Any", SimpleNamespace(invocation_metadata=lambda: ()))
        access._caller.set(Caller(Role.OPERATOR, "hub", "operator"))
        return await LibraryPublishHandlers(self.context).PublishEntries(stream(), context)

    async def release(self) -> Release:
        """The present release."""
        from national_hub.store import library as hub_store

        present = await self.context.database.read(lambda tx: held_release(tx, hub_store.tables))
        assert present is not None
        return present[0]


@dataclass
class Node:
    """The node's copying and reading."""

    context: NodeContext
    pull: LibraryPull
    traffic: Traffic
    way: Way
    server: RpcServer

    async def step(self) -> bool:
        """Ask for what is new."""
        return await self.pull.step()

    async def held(self) -> Release | None:
        """The release in use."""
        return await self.pull.held()

    @property
    def reading(self) -> LibraryReading:
        """What its desks ask."""
        return LibraryReading(self.context.database, node_store.tables, self.context.clock)

    async def found(self, query: str) -> list[str]:
        """Ids of what a search finds."""
        answer = await self.reading.Search(service_pb2.SearchRequest(query=query, limit=50), cast("Any", None))
        return sorted(hit.entry.entry.id for hit in answer.hits)

    async def listed(self) -> list[str]:
        """Ids of all entries that are listed."""
        answer = await self.reading.ListEntries(service_pb2.ListEntriesRequest(), cast("Any", None))
        return [stored.entry.id for stored in answer.entries]

    async def get(self, name: str) -> service_pb2.GetEntryResponse:
        """One entry."""
        return await self.reading.GetEntry(service_pb2.GetEntryRequest(id=name), cast("Any", None))

    async def told(self) -> list[str]:
        """Types of the events that wait for the hub, in order."""
        outbox = node_store.sync_table.metadata.tables["outbox"]
        rows = await self.context.database.read(lambda tx: tx.execute(select(outbox.c.type).order_by(outbox.c.sequence)).scalars().all())
        return [name.rpartition(".")[2] for name in rows]


class World:
    """Hub and nodes of one federation; `now` is the time of all of them."""

    def __init__(self, folder: Path, stack: AsyncExitStack, authorities: Authorities) -> None:
        self.folder, self._stack, self._authorities = folder, stack, authorities
        self.key, self.now = Ed25519PrivateKey.generate(), START
        self.addresses: dict[str, str] = {}
        self._templates: dict[str, Path] = {}

    def clock(self) -> datetime:
        """The present moment."""
        return self.now

    async def hub(self, url: str = "", key: Ed25519PrivateKey | None = None, **settings: Any) -> Hub:
        """A hub that serves what it publishes."""
        outbox = hub_delivery(HUB).outbox
        database = await self._open("national_hub", url, outbox.begin_epoch)
        told = cast("Any", SimpleNamespace(locale="en", library=HubLibrary(**settings)))
        hub = Hub(HubContext(told, database, outbox, self.clock, cast("Any", None), key or self.key), Way())
        handlers = _on_the_way(HubCopyHandlers)(hub.context)
        handlers.way = hub.way
        old = partial(service_pb2_grpc.add_LibrarySyncServiceServicer_to_server, LibrarySyncHandlers(hub.context))
        served = [partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, handlers), old]
        server = build_server(self._listener(hub_identity()), served, HUB_ACCESS)
        await self._serve(HUB, server)
        return hub

    async def node(
        self, province: str = "350000", url: str = "", scope: Scope = EVERYTHING, others: Sequence[str] = (), **pulling: Any
    ) -> Node:
        """A node that holds nothing yet, and serves what it will hold."""
        outbox = node_delivery(province).outbox
        database = await self._open("province_node", url, outbox.begin_epoch)
        peers = Peers(self.addresses.get, channel_credentials(self._authorities.certify(node_identity(province))))
        self._stack.push_async_callback(peers.close)
        unused = cast("Any", None)
        context = NodeContext(unused, database, outbox, self.clock, unused, peers, DocumentKeys(public_bytes(self.key)))
        traffic = pulling.pop("traffic", None) or Traffic((), self.clock)
        pull = LibraryPull(context, scope, traffic, lambda: others, **pulling)
        handlers = _on_the_way(LibraryCopyHandlers)(database, node_store.tables, codes.NOTHING_APPLIED)
        handlers.way = Way()
        add = partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, handlers)
        server = build_server(self._listener(node_identity(province)), [add], NODE_ACCESS)
        await self._serve(province, server)
        return Node(context, pull, traffic, handlers.way, server)

    def later(self, **time: float) -> None:
        """Let time pass."""
        self.now += timedelta(**time)

    def _listener(self, identity: Any) -> Listener:
        return Listener("127.0.0.1:0", server_credentials(self._authorities.certify(identity)), FEDERATION_DOMAIN)

    async def _serve(self, member: str, server: RpcServer) -> None:
        await server.start()
        self._stack.push_async_callback(server.stop, 0)
        self.addresses[member] = server.address

    async def _open(self, service: str, url: str, begin: Any) -> Database:
        if not url:
            url = self._copy_of_empty(service)
        else:
            migrate.upgrade(service, url)
        database = open_database(url)
        self._stack.push_async_callback(database.close)
        await database.write(lambda tx: begin(tx, START))
        return database

    def _copy_of_empty(self, service: str) -> str:
        """Migrating once a service is enough."""
        if service not in self._templates:
            self._templates[service] = self.folder / f"{service}.db"
            migrate.upgrade(service, f"sqlite:///{self._templates[service]}")
        path = self.folder / f"{service}-{len(list(self.folder.glob('*.db')))}.db"
        shutil.copy(self._templates[service], path)
        return f"sqlite:///{path}"


async def copy_directly(hub: HubContext, node: NodeContext) -> bool:
    """Let a node copy from a hub over a listener without certificates, for tests of something else; True if there was something new."""
    table = {name: frozenset({Role.ANYONE}) for name in HUB_ACCESS if "LibraryCopyService" in name}
    add = partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, HubCopyHandlers(hub))
    server = build_server(Listener("127.0.0.1:0", None, None), [add], table)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            peers = cast("Any", SimpleNamespace(channel=lambda _member: channel))
            return await LibraryPull(replace(node, peers=peers)).step()
    finally:
        await server.stop(0)
