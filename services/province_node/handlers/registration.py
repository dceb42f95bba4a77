"""How the node stands, told to its own people; and the directory, fetched from the hub whenever there is a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import grpc
from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.signing.documents import key_id
from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import recovery_pb2, recovery_pb2_grpc, service_pb2_grpc
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.core.decision import Kind, Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration.freshness import from_future
from twelve333.core.registration.split import DIRECTORY_OTHER_HISTORY, split_between
from twelve333.core.routing.books import Books
from twelve333.wire.books import books_to_wire
from twelve333.wire.registration import alarm_to_wire, freshness_to_wire
from twelve333.wire.times import from_timestamp, to_timestamp

from ..alarms import Alarms
from ..context import NodeContext
from ..store import library
from ..store.records import records
from ..store.registration import load_directory

PULL_SECONDS = 10.0

log = logger("registration")


class NodeHandlers(service_pb2_grpc.NodeServiceServicer):
    """See `NodeService`.

    Args:
        node: the node's ports.
        broker_connected: whether the broker is connected now.
        hub_seen_at: when the hub last answered.
        alarms: what went wrong with directories.
        books: of its calls.
    """

    def __init__(
        self,
        node: NodeContext,
        broker_connected: Callable[[], bool],
        hub_seen_at: Callable[[], datetime | None],
        alarms: Alarms,
        books: Callable[[], Sequence[Books]],
    ) -> None:
        self._node = node
        self._alarms, self._books = alarms, books
        self._broker_connected = broker_connected
        self._hub_seen_at = hub_seen_at

    async def GetNodeStatus(
        self, request: pb.GetNodeStatusRequest, context: ServicerContext[pb.GetNodeStatusRequest, pb.GetNodeStatusResponse]
    ) -> pb.GetNodeStatusResponse:
        """Tell how the node stands."""
        replica, seen = self._node.directory, self._hub_seen_at()
        directory, alarms = replica.current, await self._alarms.list()
        return pb.GetNodeStatusResponse(
            province=self._node.province,
            directory_version=directory.version,
            directory_made_at=directory.made_at,
            broker_connected=self._broker_connected(),
            hub_seen_at=to_timestamp(seen) if seen else None,
            library_release=await self._node.database.read(library.release_number),
            directory_freshness=freshness_to_wire(replica.freshness(self._node.clock())),
            directory_confirmed_at=to_timestamp(replica.confirmation.confirmed_at) if replica.version else None,
            directory_alarms=[alarm_to_wire(each.code, each.count, each.first_at, each.last_at) for each in alarms],
            calls=map(books_to_wire, self._books()),
        )


class DirectoryPull:
    """Fetches the directory from the hub; `step` is repeated in the background and after each announcement.

    `hub_away` says whether the hub was asked last in vain.
    """

    def __init__(self, node: NodeContext, alarms: Alarms) -> None:
        self._node, self._alarms = node, alarms
        self.hub_seen_at: datetime | None = None
        self.hub_away = False

    async def step(self) -> bool:
        """Ask once; True if another version came into use.

        Raises:
            Refused: the directory did not pass the checks; the last good one stays in use.
            grpc.aio.AioRpcError: the hub did not answer.
        """
        node = self._node
        try:
            answer = await self._ask()
        except grpc.aio.AioRpcError:
            self.hub_away = True
            raise
        self.hub_seen_at, self.hub_away = node.clock(), False
        if answer.return_held and await self._return_held():
            answer = await self._ask()
        try:
            return await self._take(answer)
        except Refused as refused:
            if refused.refusal.code.kind is Kind.PEER_VIOLATION:
                await self._alarms.note(refused.refusal)
            raise

    async def _take(self, answer: pb.GetDirectoryResponse) -> bool:
        node, now, held = self._node, self._node.clock(), self._node.directory.held
        if await node.directory.follow(node.database, answer.document_vouchers, answer.directory):
            log.warning("document key of the hub exchanged", key=key_id(node.directory.keys.present))
        changed = answer.HasField("directory") and await node.directory.accept(node.database, answer.directory, now)
        alarm = await node.directory.confirm(node.database, answer.current, now) if answer.HasField("current") else None
        if changed and alarm is None:  # whether it splits the view is told by when it was made
            alarm = from_future(from_timestamp(node.directory.current.made_at), now)
        if alarm:
            await self._alarms.note(alarm)
        if changed and (split := split_between(held, node.directory.held[-1:])):  # so the one before was not shown to all
            await self._alarms.note(refuse(DIRECTORY_OTHER_HISTORY), split.words(HUB))
        return changed

    async def _ask(self) -> pb.GetDirectoryResponse:
        stub = service_pb2_grpc.RegistrationServiceStub(self._node.peers.channel(HUB))
        return await stub.GetDirectory(pb.GetDirectoryRequest(since_version=self._node.directory.version), timeout=PULL_SECONDS)

    async def _return_held(self) -> bool:
        """The hub was put back to a backup: let it have what we hold before we take anything newer from it."""
        row = await self._node.database.read(load_directory)
        if row is None:
            return False
        kept = await self._node.database.read(records.all)
        stub = recovery_pb2_grpc.DirectoryReturnServiceStub(self._node.peers.channel(HUB))
        held = common_pb2.SignedDocument.FromString(row.document)
        request = recovery_pb2.ReturnDirectoryRequest(directory=held, records=kept.values())
        answer = await stub.ReturnDirectory(request, timeout=PULL_SECONDS)
        log.warning("directory returned to the hub", version=row.version, count=answer.entered)
        return True


def on_directory_changed(wake: Callable[[], None]) -> Applier:
    """What to do when the hub says that there is a new directory: fetch it, after this unit of work.

    The announcement carries nothing to keep; the periodic pull makes up for one that comes too early.
    """
    loop = asyncio.get_running_loop()

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        loop.call_soon_threadsafe(wake)

    return apply
