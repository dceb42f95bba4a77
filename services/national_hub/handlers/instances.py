"""Decides which running copy of each member is the one; and learns from members whether this hub is the one copy of itself."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import Final

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.copies import Copies
from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql.delivery import Applier, Delivery, Inbound
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.delivery.v1 import events_pb2, instance_pb2_grpc
from twelve333.api.delivery.v1 import instance_pb2 as pb
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.delivery.codes import COPY_UNDECIDED, FENCE_OLD, FENCED, FORKED
from twelve333.core.delivery.leases import RENEW, Claim, Copy, Granted, Lease, claim
from twelve333.core.ids import HUB, check_id

from ..context import HubContext
from ..store import registration
from ..store.leases import load_leases, load_signing, save_lease
from .directory import republish

FENCE_MOST: Final = 1 << 62

log = logger("delivery")
_fenced = metrics.get_meter("twelve333.delivery").create_counter(
    "twelve333.delivery.copies_fenced", unit="{copy}", description="copies of members that were refused because another one is the member"
)


class InstanceHandlers(instance_pb2_grpc.InstanceServiceServicer):
    """See `InstanceService`.

    Args:
        hub: its ports.
        delivery: its outbox and inbox.
        copies: this process among the copies of the hub.
    """

    def __init__(self, hub: HubContext, delivery: Delivery, copies: Copies) -> None:
        self._hub, self._delivery, self._copies = hub, delivery, copies
        self._leases: dict[str, Lease] = {}
        self._signing = frozenset[str]()
        self._one_at_a_time = asyncio.Lock()

    async def load(self) -> None:
        """Take up what was granted; holders have the time of a lease to be heard again. A hub without members has nobody to meet."""
        self._leases = await self._hub.database.read(partial(load_leases, since=self._hub.clock()))
        self._signing = await self._hub.database.read(load_signing)
        if self._copies.begun.ended or not await self._hub.database.read(registration.member_names):
            await self._prove()

    def signs(self, member: str) -> bool:
        """Whether a member has told that it signs what it hands to the broker."""
        return member in self._signing

    async def ClaimInstance(
        self, request: pb.ClaimInstanceRequest, context: ServicerContext[pb.ClaimInstanceRequest, pb.ClaimInstanceResponse]
    ) -> pb.ClaimInstanceResponse:
        """Grant, renew or refuse."""
        asked = _asked(current_caller().member, request)
        async with self._one_at_a_time:
            await self._meet(request)
            lease = await self._decide(asked, self._hub.clock(), signs=request.signs)
        return pb.ClaimInstanceResponse(fence=lease.fence, hub_fence=self._delivery.standing.fence)

    async def _meet(self, request: pb.ClaimInstanceRequest) -> None:
        """Compare what the member has seen of the hub with what this hub is.

        Raises:
            Refused: DELIVERY_FENCE_OLD: another copy is the hub.
        """
        standing = self._delivery.standing
        if standing.copy.works and await self._is_older(request):
            await self._copies.superseded()
        if standing.copy is Copy.UNPROVED:
            await self._prove()
        if not standing.copy.tells:
            raise Refused(refuse(FENCE_OLD, origin=HUB, fence=standing.fence, current=request.hub_fence))

    async def _is_older(self, request: pb.ClaimInstanceRequest) -> bool:
        if request.hub_fence > self._delivery.standing.fence:
            return True
        row = await self._hub.database.read(registration.load_directory)
        return request.directory_version > (row.version if row else 0)

    async def _prove(self) -> None:
        if self._delivery.standing.copy is Copy.UNPROVED:
            await self._copies.granted(self._copies.begun.fence + 1)

    async def _decide(self, asked: Claim, now: datetime, *, signs: bool) -> Lease:
        before = self._leases.get(asked.member)
        outcome = claim(before, asked, now)
        if isinstance(outcome, Refusal):
            log.error("a second copy of a member was refused", code=outcome.code.name, peer=asked.member)
            _fenced.add(1)
            await self._hub.database.write(partial(self._alarm, member=asked.member, now=now))
            raise Refused(outcome)
        if not isinstance(outcome, Granted):
            self._leases[asked.member] = outcome.lease
            raise Refused(refuse(COPY_UNDECIDED, retry_after=RENEW / 2, member=asked.member))
        if before is None or before.instance != outcome.lease.instance or signs != self.signs(asked.member):
            anew = before is not None and asked.fence > before.fence
            self._signing = await self._hub.database.write(partial(self._keep, outcome=outcome, anew=anew, signs=signs))
        self._leases[asked.member] = outcome.lease
        return outcome.lease

    def _alarm(self, tx: Connection, member: str, now: datetime) -> None:
        self._delivery.alarms.give(tx, member, FENCED, "a second copy was refused", now)

    def _keep(self, tx: Connection, outcome: Granted, *, anew: bool, signs: bool) -> frozenset[str]:
        """Keep the holder; where another copy may be alive, all members are told the fence below which nothing counts."""
        save_lease(tx, outcome.lease, signs=signs)
        if anew:
            self._delivery.alarms.clear(tx, outcome.lease.member)
        if outcome.superseded or signs != self.signs(outcome.lease.member):
            republish(self._hub, tx, outcome.lease.renewed_at)
        return load_signing(tx)


def take_seen_fork(delivery: Delivery) -> Applier:
    """What to do when a member has seen two copies of another: an alarm."""

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        seen = events_pb2.ForkSeen.FromString(event.message)
        detail = f"epoch {seen.epoch}, event {seen.sequence}, seen by {event.origin}"
        delivery.alarms.give(tx, seen.origin[:6], FORKED, detail, now)

    return apply


def _asked(member: str, request: pb.ClaimInstanceRequest) -> Claim:
    for name in filter(None, (request.instance or "-", request.ended, request.beat, request.before)):
        if refusal := check_id(name):
            raise Refused(refusal)
    fence = min(max(request.fence, 0), FENCE_MOST)
    return Claim(member, request.instance, fence, request.ended, request.beat, request.before)
