"""What one caller may ask of a listener, counted before a request is parsed: how often, how many at once, how large.

Rule served: a province that floods the hub takes nothing from the others, neither of their share nor of their time. What it asks all at
once is served one by one, what is a little too much waits, and what is far too much is refused. A refusal costs the server nearly as much
as an answer, so it is held back, and a caller hears only so many a second: with the streams of a connection bounded, that slows a flood at
its source. Nothing here grows with the number of callers or addresses.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv6Address, ip_address
from random import random
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote

import grpc

from ...core.decision import Refused, refuse
from ...core.identity import Caller, Role
from ...core.rpc_limits import Bucket, Rate, Taken, cost_of, take
from ...wire import codes
from ..settings import Limits as Settings

RETRY_LEAST: Final = 0.2  # seconds; sooner would only be refused again
REFUSALS_PER_SECOND: Final = 50  # told to one caller; it is flooding, and more would cost others their time
HELD_SECONDS_MAX: Final = 10.0
HELD_MAX: Final = 4_096  # refusals held back at once, all callers together; more are told at once
EXEMPT: Final = "/grpc.health.v1.Health/"  # probes must be told the truth also under load; how many at once counts all the same
# One request that carries many units or events.
BULK: Final = ("/RegisterUnits", "/CheckUnits", "/DeliverEvents", "/ReturnDirectory")
_MIB: Final = 1024 * 1024
_PREFIX_BITS: Final = 64  # of an IPv6 address: what one customer of a network has to itself


@dataclass(frozen=True, slots=True)
class Quotas:
    """What each caller of a listener is granted.

    Args:
        rates: by role; a role without one has no limit. `ANYONE` is counted by the address it calls from.
        strangers: all callers without a certificate together.
        in_hand_max: RPCs of one caller at once.
        request_bytes_max: of the request of an RPC.
        bulk_bytes_max: the same for those of `BULK`.
        upload_bytes_max: all requests of one upload together.
        callers_max: callers remembered; who was not heard of for longest is forgotten, and new again.
        hold: how long a refusal for asking too often is held back, at least half of that; longer for a caller with many. 0: not at all.
        patience: how long an RPC waits for its turn; who would have to wait longer is refused.
    """

    rates: Mapping[Role, Rate] = field(default_factory=dict)
    strangers: Rate | None = None
    in_hand_max: int = 100
    request_bytes_max: int = _MIB
    bulk_bytes_max: int = 8 * _MIB
    upload_bytes_max: int = 256 * _MIB
    callers_max: int = 4_096
    hold: timedelta = timedelta(seconds=1)
    patience: timedelta = timedelta(seconds=1)

    def bytes_max(self, method: str) -> int:
        """How large the request of `method` may be."""
        return self.bulk_bytes_max if method.endswith(BULK) else self.request_bytes_max


class Callers:
    """The accounts of one listener.

    Args:
        quotas: what each is granted.
        clock: seconds, only forward.
        pause: waits that many seconds.
        chance: uniform in [0, 1), so that those held back do not all come back at once.
    """

    def __init__(
        self,
        quotas: Quotas,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random,
    ) -> None:
        self._quotas = quotas
        self._clock = clock
        self._pause = pause
        self._chance = chance
        self._accounts: OrderedDict[Hashable, _Account] = OrderedDict()
        self._in_hand: Counter[Hashable] = Counter()  # only those that have some: never more than the listener bears
        self._strangers: Bucket | None = None
        self._held = 0

    @property
    def remembered(self) -> int:
        """How many callers are remembered."""
        return len(self._accounts)

    async def charge(self, method: str, caller: Caller, context: grpc.aio.ServicerContext[Any, Any], request_bytes: int) -> None:
        """Count an RPC for its caller, and wait until it may begin.

        Args:
            method: full name.
            caller: as its certificate proves.
            context: for the address of a caller without a certificate, and the time it has left.
            request_bytes: 0 for uploads, which are counted as they come.

        Raises:
            Refused: RPC_REQUEST_TOO_LARGE; RPC_RATE_EXCEEDED, held back a moment, with the time to come back.
        """
        if request_bytes > (most := self._quotas.bytes_max(method)):
            raise Refused(refuse(codes.REQUEST_TOO_LARGE, method=method, max=most))
        if method.startswith(EXEMPT):
            return
        left = context.time_remaining()
        taken, account = self._take(caller, account_of(caller, context), cost_of(request_bytes), left)
        if not taken.granted:
            await self._hold_back(account, left)
            raise Refused(refuse(codes.RATE_EXCEEDED, retry_after=timedelta(seconds=max(taken.wait, RETRY_LEAST))))
        if taken.delay:
            await self._pause(taken.delay)

    @contextmanager
    def in_hand(self, account: Hashable) -> Iterator[None]:
        """Around the serving of an RPC of `account`.

        Raises:
            Refused: RPC_CALLER_BUSY, with the time to come back.
        """
        if self._in_hand[account] >= self._quotas.in_hand_max:
            raise Refused(refuse(codes.CALLER_BUSY, retry_after=timedelta(seconds=RETRY_LEAST), max=self._quotas.in_hand_max))
        self._in_hand[account] += 1
        try:
            yield
        finally:
            self._in_hand[account] -= 1
            if not self._in_hand[account]:
                del self._in_hand[account]

    def _take(self, caller: Caller, name: Hashable, cost: float, left: float | None) -> tuple[Taken, _Account]:
        """Count it and say when it may begin; what the caller's own limit refuses costs the strangers together nothing."""
        rate, now, account = self._quotas.rates.get(caller.role), self._clock(), self._account(name)
        patience = self._quotas.patience.total_seconds()
        patience = patience if left is None else min(patience, left / 2)
        own = _FREE
        if rate:
            own = take(account.bucket, rate, cost, now, patience)
            account.bucket = own.bucket
        if caller.role is not Role.ANYONE or not self._quotas.strangers or not own.granted:
            return own, account
        together = take(self._strangers, self._quotas.strangers, cost, now, patience)
        self._strangers = together.bucket
        return (together if together.delay >= own.delay or not together.granted else own), account

    def _account(self, name: Hashable) -> _Account:
        account = self._accounts.setdefault(name, _Account())
        self._accounts.move_to_end(name)
        if len(self._accounts) > self._quotas.callers_max:
            self._accounts.popitem(last=False)
        return account

    async def _hold_back(self, account: _Account, left: float | None) -> None:
        """Wait before refusing, longer the more of this caller's wait already, but answer while it still listens.

        Those that would have to wait longer than that came together, and are not told together: some of their time is left to chance.
        """
        hold, now = self._quotas.hold.total_seconds(), self._clock()
        if not hold or self._held >= HELD_MAX:
            return
        soonest = max(now + hold * (1 + self._chance()) / 2, account.told_at + 1 / REFUSALS_PER_SECOND)
        account.told_at = min(soonest, now + HELD_SECONDS_MAX)
        seconds = account.told_at - now
        self._held += 1
        try:
            await self._pause(seconds if left is None else min(seconds, max(0.0, left) * (2 + self._chance()) / 4))
        finally:
            self._held -= 1


@dataclass(slots=True)
class _Account:
    """What is kept of one caller: what it has left, and when it hears the last of the refusals held back so far."""

    bucket: Bucket | None = None
    told_at: float = 0.0


_FREE: Final = Taken(Bucket(1.0, 0.0), 0.0)  # of a role without a rate


def account_of(caller: Caller, context: grpc.aio.ServicerContext[Any, Any]) -> Hashable:
    """Under whom an RPC is counted: the caller that the certificate proves, without one the address."""
    return caller if caller.role is not Role.ANYONE else network_of(context.peer())


def network_of(peer: str) -> str:
    """The address in gRPC's name of a peer (`ipv4:10.0.0.1:5000`, `ipv6:[::1]:5000`); of IPv6 the network of 64 bits."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return kind
    text = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return kind
    if not isinstance(address, IPv6Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Address(int(address) >> _PREFIX_BITS << _PREFIX_BITS))


def quotas_of(limits: Settings) -> Quotas:
    """What the settings grant."""
    member, desk = Rate(limits.member_per_second, limits.member_burst), Rate(limits.desk_per_second, limits.desk_burst)
    return Quotas(
        rates={
            **dict.fromkeys((Role.HUB, Role.NODE), member),
            **dict.fromkeys((Role.OPERATOR, Role.DESK, Role.LOCAL_OPERATOR), desk),
            Role.ANYONE: Rate(limits.stranger_per_minute / 60, limits.stranger_burst),
        },
        strangers=Rate(limits.strangers_per_second, limits.strangers_burst),
        in_hand_max=limits.in_hand_max,
        request_bytes_max=limits.request_bytes_max,
        bulk_bytes_max=limits.bulk_request_bytes_max,
        upload_bytes_max=limits.upload_bytes_max,
        callers_max=limits.callers_max,
        hold=timedelta(milliseconds=limits.hold_ms),
    )
