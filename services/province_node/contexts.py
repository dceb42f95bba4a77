"""The context of an accepted call: fetched from the origin by the accepting node alone, checked against the hash in the offer, kept.

It is fetched right after the acceptance and, should that have failed, again when a consultant looks at the call.
"""

from __future__ import annotations

import asyncio
from typing import Final

import grpc

from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.api.routing.v1 import service_pb2_grpc
from twelve333.core.decision import Refused
from twelve333.core.routing.context import ContextItem, check_context, digest_of
from twelve333.core.routing.machine import HOLDS_SEAT
from twelve333.core.routing.offers import Lease
from twelve333.wire.routing import context_from_wire

from .context import NodeContext
from .store import routing as store

FETCH_SECONDS: Final = 2.0
ATTEMPTS_MAX: Final = 3
PAUSE_SECONDS: Final = 0.3

log = logger("routing")


class ContextFetcher:
    """Fetches contexts from their origins."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    async def fetch_soon(self, lease: Lease) -> None:
        """Fetch and keep, in a few attempts."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            if await self.try_fetch(lease):
                return
            await asyncio.sleep(PAUSE_SECONDS * attempt)

    async def try_fetch(self, lease: Lease) -> tuple[ContextItem, ...]:
        """Fetch and keep; empty if there is none, the call is over, or the origin does not answer."""
        if not lease.offer.context_sha256 or lease.state not in HOLDS_SEAT:
            return ()
        try:
            told = await self._ask(lease)
        except (grpc.aio.AioRpcError, Refused) as error:
            log.info("context not fetched", peer=lease.offer.from_member, kind=type(error).__name__)
            return ()
        if digest_of(told) != lease.offer.context_sha256 or check_context(told):
            log.warning("context refused: not what was offered", peer=lease.offer.from_member)
            return ()
        await self._node.database.write(lambda tx: store.save_lease_context(tx, lease, told))
        return told

    async def _ask(self, lease: Lease) -> tuple[ContextItem, ...]:
        if lease.offer.from_member == self._node.province:
            return await self._node.database.read(lambda tx: store.load_context(tx, lease.offer.call.id))
        stub = self._node.peers.stub(lease.offer.from_member, service_pb2_grpc.HandoffPeerServiceStub)
        answer = await stub.FetchContext(pb.FetchContextRequest(offer_id=lease.offer.id), timeout=FETCH_SECONDS)
        return context_from_wire(answer.items)
