"""The context of an accepted call: fetched from the origin by the accepting node alone, checked against the hash in the offer, kept.

It is fetched right after the acceptance and, should that have failed, again when a consultant looks at the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import grpc
from sqlalchemy import Connection

from twelve333.adapters.telemetry.logs import logger
from twelve333.adapters.together import Together
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.api.routing.v1 import service_pb2_grpc
from twelve333.client.errors import Target, service_error
from twelve333.core.decision import Kind, Refused
from twelve333.core.routing.context import ContextItem, check_context, digest_of
from twelve333.core.routing.context_needs import Needs
from twelve333.core.routing.machine import HOLDS_SEAT
from twelve333.core.routing.offers import Lease
from twelve333.wire.routing import context_from_wire

from .context import NodeContext
from .store import routing as store
from .store.offered import load_offered

FETCH_SECONDS: Final = 2.0
ATTEMPTS_MAX: Final = 3
PAUSE_SECONDS: Final = 0.3
APART_SECONDS: Final = 0.05  # from one fetch to the next: each costs an RPC and two commits, in front of which other calls wait

Context = tuple[ContextItem, ...]

log = logger("routing")


class ContextFetcher:
    """Fetches contexts from their origins; those of one origin that are wanted at the same time together."""

    def __init__(self, node: NodeContext, needs: Needs) -> None:
        self._node, self._needs = node, needs
        self._origins: dict[str, Together[Lease, Context]] = {}

    async def fetch_soon(self, lease: Lease) -> None:
        """Fetch and keep, in a few attempts."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            if await self.try_fetch(lease):
                return
            await asyncio.sleep(PAUSE_SECONDS * attempt)

    async def try_fetch(self, lease: Lease) -> Context:
        """Fetch and keep; empty if there is none, the call is over, or the origin does not answer."""
        if not lease.offer.context_sha256 or lease.state not in HOLDS_SEAT:
            return ()
        origin = lease.offer.from_member
        if origin not in self._origins:
            self._origins[origin] = Together(partial(self._fetch, origin), apart=APART_SECONDS)
        try:
            return await self._origins[origin].one(lease)
        except (grpc.aio.AioRpcError, Refused) as error:
            log.info("context not fetched", peer=origin, kind=type(error).__name__)
            return ()

    async def _fetch(self, origin: str, leases: Sequence[Lease]) -> Sequence[Context]:
        """Of each lease what was told, if it is what was offered; empty if not. What is sound is kept."""
        told = await self._ask(origin, [lease.offer.id for lease in leases])
        sound = [(lease, told.get(lease.offer.id, ())) for lease in leases]
        sound = [(lease, context) for lease, context in sound if context and self._is_sound(lease, context)]
        if sound:
            await self._node.database.write_along(lambda tx: _keep(tx, sound))
        kept = {lease.offer.id: context for lease, context in sound}
        return [kept.get(lease.offer.id, ()) for lease in leases]

    def _is_sound(self, lease: Lease, context: Context) -> bool:
        if digest_of(context) == lease.offer.context_sha256 and not check_context(context):
            return True
        log.warning("context refused: not what was offered", peer=lease.offer.from_member)
        return False

    async def _ask(self, origin: str, offer_ids: Sequence[str]) -> Mapping[str, Context]:
        """By offer what the origin gives.

        Raises:
            Refused: it does not answer.
            grpc.aio.AioRpcError: it gives nothing of the first.
        """
        if origin == self._node.province:
            offered = await self._node.database.read(lambda tx: load_offered(tx, offer_ids))
            return {offer_id: it.told(self._needs) for offer_id, it in offered.items()}
        first, *others = offer_ids
        stub = self._node.peers.stub(origin, service_pb2_grpc.HandoffPeerServiceStub)
        try:
            answer = await stub.FetchContext(pb.FetchContextRequest(offer_id=first, others=others), timeout=FETCH_SECONDS)
        except grpc.aio.AioRpcError as error:
            refusal = service_error(error, Target(origin)).refusal
            if refusal.code.kind in (Kind.UNAVAILABLE, Kind.TIMED_OUT):
                raise Refused(refusal) from error
            raise
        told = {it.offer_id: context_from_wire(it.items) for it in answer.others if it.offer_id in others}
        if others and not told:  # a release before, or none of them may be given
            told = await self._ask_alone(origin, others)
        return {**told, first: context_from_wire(answer.items)}

    async def _ask_alone(self, origin: str, offer_ids: Sequence[str]) -> dict[str, Context]:
        told = dict[str, Context]()
        for offer_id in offer_ids:
            with suppress(grpc.aio.AioRpcError):
                told.update(await self._ask(origin, [offer_id]))
        return told


def _keep(tx: Connection, contexts: Sequence[tuple[Lease, Context]]) -> None:
    for lease, context in contexts:
        store.save_lease_context(tx, lease, context)
