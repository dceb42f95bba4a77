"""A hub that has published a library and serves it over mutual TLS on loopback, and nodes that copy it from there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.members import Federation as Authorities

from national_hub.access import FEDERATION
from national_hub.context import HubContext
from national_hub.handlers.library import LibraryPublishHandlers
from national_hub.handlers.library_copying import HubCopyHandlers
from national_hub.settings import Library
from national_hub.store import delivery_of as hub_delivery
from national_hub.store import library as store
from province_node.context import NodeContext
from province_node.library_source import Source
from province_node.store import delivery_of as node_delivery
from twelve333.adapters.clock import system_clock
from twelve333.adapters.library_reading import held_release
from twelve333.adapters.rpc import access
from twelve333.adapters.rpc.credentials import channel_credentials, server_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, build_server
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.signing.documents import public_bytes
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.api.library.v1 import copying_pb2_grpc
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.identity import FEDERATION_DOMAIN, Caller, Role, hub_identity, node_identity
from twelve333.core.ids import HUB
from twelve333.core.library.model import EVERYTHING, Entry
from twelve333.wire.library import content_of

from .line import line
from .measure import Failed

PROVINCE: Final = "350000"
COPIER: Final = (sys.executable, "-m", "benchmarks.copier")
# Published a little before, so that the release is not from a node's future.
PUBLISHED: Final = datetime.now(UTC) - timedelta(minutes=1)


class Copies:
    """Empty nodes, as many as are asked for, each on a database file of its own.

    Args:
        folder: for the databases.
        peers: the way to the hub.
        document_key: the hub's.
        hub: who publishes.
        address: where it serves.
        certificate: the folder with which a node proves itself.
    """

    def __init__(self, folder: Path, peers: Peers, document_key: bytes, hub: HubContext, address: str, certificate: Path) -> None:
        self._folder, self._peers, self._key = folder, peers, document_key
        self.hub, self.address, self.certificate = hub, address, certificate
        self._made = 0
        migrate.upgrade("province_node", f"sqlite:///{folder / 'empty.db'}")

    async def change(self, entries: Sequence[Entry]) -> None:
        """Publish other texts of entries that are there."""
        answer = await _publish(self.hub, entries)
        if answer.changed != len(entries):
            raise Failed(f"{answer.changed} of {len(entries)} entries were changed")

    async def poll(self, count: int) -> float:
        """The bytes that a poll without change takes on the wire, with all that TLS and HTTP/2 add; the mean of so many."""
        present = await self.hub.database.read(lambda tx: held_release(tx, store.tables))
        assert present is not None
        with line(self.address) as way:
            peers = Peers(lambda _member: way.address, channel_credentials(self.certificate))
            source = Source(peers, HUB)
            await source.checkpoint(present[0], EVERYTHING)  # connects
            before = way.bytes
            for _ in range(count):
                await source.checkpoint(present[0], EVERYTHING)
            size = (way.bytes - before) / count
            await peers.close()
        return size

    def process(self, databases: Sequence[Path], address: str, turns: int = 1, program: Sequence[str] = COPIER) -> list[str]:
        """The command of nodes in a process of their own; see `copier` and `searched`."""
        for database in databases:
            if not database.exists():
                shutil.copy(self._folder / "empty.db", database)
        return [*program, ",".join(map(str, databases)), address, str(self.certificate), self._key.hex(), str(turns)]

    async def node(self) -> NodeContext:
        """A new node that holds nothing; its user closes its database."""
        self._made += 1
        path = self._folder / f"node-{self._made}.db"
        shutil.copy(self._folder / "empty.db", path)
        database, outbox = open_database(f"sqlite:///{path}"), node_delivery(PROVINCE).outbox
        await database.write(lambda tx: outbox.begin_epoch(tx, system_clock()))
        unused = cast("Any", None)
        return NodeContext(unused, database, outbox, system_clock, unused, self._peers, DocumentKeys(self._key))


@asynccontextmanager
async def published(folder: Path, entries: Sequence[Entry]) -> AsyncIterator[Copies]:
    """Publish `entries` at a hub and serve them; the nodes that may copy."""
    authorities, key = Authorities.create(folder / "pki"), Ed25519PrivateKey.generate()
    database = await _hub_database(f"sqlite:///{folder / 'hub.db'}")
    unused = cast("Any", None)
    hub = HubContext(
        cast("Any", SimpleNamespace(locale="en", library=Library())), database, hub_delivery("hub").outbox, lambda: PUBLISHED, unused, key
    )
    if (answer := await _publish(hub, entries)).added != len(entries):
        raise Failed(f"{answer.added} of {len(entries)} entries were published")
    listener = Listener("127.0.0.1:0", server_credentials(authorities.certify(hub_identity())), FEDERATION_DOMAIN)
    add = partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, HubCopyHandlers(hub))
    server = build_server(listener, [add], FEDERATION)
    await server.start()
    certificate = authorities.certify(node_identity(PROVINCE))
    peers = Peers(lambda member: server.address, channel_credentials(certificate))
    try:
        yield Copies(folder, peers, public_bytes(key), hub, server.address, certificate)
    finally:
        await peers.close()
        await server.stop(0)
        await database.close()


async def _hub_database(url: str) -> Database:
    migrate.upgrade("national_hub", url)
    database = open_database(url)
    await database.write(lambda tx: hub_delivery("hub").outbox.begin_epoch(tx, PUBLISHED))
    return database


async def _publish(hub: HubContext, entries: Sequence[Entry]) -> pb.PublishEntriesResponse:
    async def stream() -> AsyncIterator[pb.PublishEntriesRequest]:
        yield pb.PublishEntriesRequest(header=pb.PublishHeader(strict=True))
        for entry in entries:
            yield pb.PublishEntriesRequest(entry=content_of(entry))

    context = cast("Any", SimpleNamespace(invocation_metadata=lambda: ()))
    access._caller.set(Caller(Role.OPERATOR, "hub", "operator"))
    return await LibraryPublishHandlers(hub).PublishEntries(stream(), context)
