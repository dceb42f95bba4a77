"""How the node stands, told to its own people; and the directory, fetched from the hub whenever there is a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.api.registration.v1 import service_pb2_grpc
from twelve333.core.ids import HUB
from twelve333.wire.times import to_timestamp

from ..context import NodeContext
from ..store import library

PULL_SECONDS = 10.0


class NodeHandlers(service_pb2_grpc.NodeServiceServicer):
    """See `NodeService`.

    Args:
        node: the node's ports.
        broker_connected: whether the broker is connected now.
        hub_seen_at: when the hub last answered.
    """

    def __init__(self, node: NodeContext, broker_connected: Callable[[], bool], hub_seen_at: Callable[[], datetime | None]) -> None:
        self._node = node
        self._broker_connected = broker_connected
        self._hub_seen_at = hub_seen_at

    async def GetNodeStatus(
        self, request: pb.GetNodeStatusRequest, context: ServicerContext[pb.GetNodeStatusRequest, pb.GetNodeStatusResponse]
    ) -> pb.GetNodeStatusResponse:
        """Tell how the node stands."""
        directory, seen = self._node.directory.current, self._hub_seen_at()
        return pb.GetNodeStatusResponse(
            province=self._node.province,
            directory_version=directory.version,
            directory_made_at=directory.made_at,
            broker_connected=self._broker_connected(),
            hub_seen_at=to_timestamp(seen) if seen else None,
            library_release=await self._node.database.read(library.release_number),
        )


class DirectoryPull:
    """Fetches the directory from the hub; `step` is repeated in the background and after each announcement."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self.hub_seen_at: datetime | None = None

    async def step(self) -> bool:
        """Ask once; True if another version came into use.

        Raises:
            Refused: the directory did not pass the checks; the last good one stays in use.
            grpc.aio.AioRpcError: the hub did not answer.
        """
        node = self._node
        stub = service_pb2_grpc.RegistrationServiceStub(node.peers.channel(HUB))
        answer = await stub.GetDirectory(pb.GetDirectoryRequest(since_version=node.directory.version), timeout=PULL_SECONDS)
        self.hub_seen_at = node.clock()
        if not answer.HasField("directory"):
            return False
        return await node.directory.accept(node.database, answer.directory, node.clock())


def on_directory_changed(wake: Callable[[], None]) -> Applier:
    """What to do when the hub says that there is a new directory: fetch it, after this unit of work.

    The announcement carries nothing to keep; the periodic pull makes up for one that comes too early.
    """
    loop = asyncio.get_running_loop()

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        loop.call_soon_threadsafe(wake)

    return apply
