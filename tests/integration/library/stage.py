"""A hub and a node with their real handlers on databases of their own, for tests of what the library holds; the wire is a function call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.library import copy_directly

from national_hub.context import HubContext
from national_hub.handlers.library import LibraryPublishHandlers
from national_hub.settings import Library as HubLibrary
from national_hub.store import delivery_of as hub_delivery
from province_node.context import NodeContext
from province_node.store import delivery_of as node_delivery
from twelve333.adapters.rpc import access
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.identity import Caller, Role
from twelve333.core.library.model import Entry, Tombstone, TombstoneReason
from twelve333.wire.library import content_of, tombstone_to_wire

START = datetime(2014, 3, 30, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()
CALL = cast("Any", SimpleNamespace(invocation_metadata=lambda: ()))


@dataclass
class Clock:
    """A clock that a test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **much: int) -> datetime:
        self.now += timedelta(**much)
        return self.now


@dataclass
class Stage:
    """Hub and node of one test."""

    hub: HubContext
    node: NodeContext
    clock: Clock = field(default_factory=Clock)

    async def publish(self, *entries: Entry, remove: str = "", strict: bool = False) -> pb.PublishEntriesResponse:
        """Publish at the hub."""

        async def stream() -> AsyncIterator[pb.PublishEntriesRequest]:
            yield pb.PublishEntriesRequest(header=pb.PublishHeader(strict=strict))
            for entry in entries:
                yield pb.PublishEntriesRequest(entry=content_of(entry))
            if remove:
                tombstone = tombstone_to_wire(Tombstone(TombstoneReason.WITHDRAWN))
                yield pb.PublishEntriesRequest(removal=pb.Removal(entry_id=remove, tombstone=tombstone))

        access._caller.set(Caller(Role.OPERATOR, "hub", "operator"))
        return await LibraryPublishHandlers(self.hub).PublishEntries(stream(), CALL)

    async def copy(self) -> None:
        """The node takes what the hub holds."""
        await copy_directly(self.hub, self.node)


async def open_stage(urls: list[str]) -> AsyncIterator[Stage]:
    """Hub and node on two empty databases."""
    clock, unused = Clock(), cast("Any", None)
    hub_outbox, node_outbox = hub_delivery("hub").outbox, node_delivery("350000").outbox
    hub = await _open("national_hub", urls[0], hub_outbox.begin_epoch)
    node = await _open("province_node", urls[1], node_outbox.begin_epoch)
    settings = cast("Any", SimpleNamespace(locale="en", library=HubLibrary(), province="350000"))
    try:
        yield Stage(
            HubContext(settings, hub, hub_outbox, clock, unused, KEY),
            NodeContext(settings, node, node_outbox, clock, unused, unused, DocumentKeys(public_bytes(KEY))),
            clock,
        )
    finally:
        await hub.close()
        await node.close()


async def _open(service: str, url: str, begin: Any) -> Database:
    migrate.upgrade(service, url)
    database = open_database(url)
    await database.write(lambda tx: begin(tx, START))
    return database
