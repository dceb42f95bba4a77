"""What desktops are told of calls as they happen, and how they take one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from grpc.aio import ServicerContext

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.routing.v1 import desk_pb2 as pb
from twelve333.api.routing.v1 import desk_pb2_grpc, routing_pb2
from twelve333.core.decision import Refused, refuse
from twelve333.core.routing import codes
from twelve333.wire.routing import lease_to_wire

from ..calls import CallParts
from ..context import NodeContext
from ..store import routing as store

BEAT_SECONDS: Final = 5.0  # a stream that is silent for longer is broken
STREAM_SECONDS: Final = 120.0  # then the desktop asks again, and who may no longer is refused


class DeskHandlers(desk_pb2_grpc.DeskServiceServicer):
    """See `DeskService`.

    Args:
        node: the node's ports.
        calls: its parts that handle calls.
    """

    def __init__(self, node: NodeContext, calls: CallParts) -> None:
        self._node, self._calls = node, calls

    async def WatchHandoffs(
        self, request: pb.WatchHandoffsRequest, context: ServicerContext[pb.WatchHandoffsRequest, pb.WatchHandoffsResponse]
    ) -> AsyncIterator[pb.WatchHandoffsResponse]:
        """Tell how calls stand, then each change."""
        units, clock = self._units(request), asyncio.get_running_loop().time
        until = clock() + STREAM_SECONDS
        with self._calls.desks.watching(units, current_caller().name) as watcher:
            while clock() < until:
                try:
                    yield await watcher.next(BEAT_SECONDS)
                except EOFError:
                    return

    async def TakeHandoff(
        self, request: pb.TakeHandoffRequest, context: ServicerContext[pb.TakeHandoffRequest, routing_pb2.Handoff]
    ) -> routing_pb2.Handoff:
        """Give a call to the desktop that asks first, with what the caller told."""
        lease = await self._calls.incoming.take(request.id, current_caller().name)
        known = await self._node.database.read(lambda tx: store.load_incoming(tx, request.id))
        told = known[1] if known else ()
        return lease_to_wire(lease, told or await self._calls.fetcher.try_fetch(lease))

    def _units(self, request: pb.WatchHandoffsRequest) -> frozenset[str]:
        units, province = self._calls.view.snapshot.units, self._node.province
        ours = frozenset(code for code, unit in units.items() if unit.member == province)
        for unit in request.units:
            if unit not in ours:
                raise Refused(refuse(codes.FROM_UNIT_NOT_HERE, unit=unit[:6], member=province))
        return frozenset(request.units) or ours
