"""How a process learns whether it is the one copy of its member: it begins, asks for the lease while it runs, and goes by the answer.

Rule served: the hub is never in the way. While it cannot be asked, a copy works on alone; when it can, and says that another copy is
the member, this one stops telling and taking for good, and an operator is told what to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

import grpc
from sqlalchemy import Connection

from ..core.decision import Refused
from ..core.delivery.codes import COPY_UNDECIDED, FENCED
from ..core.delivery.leases import LEASE, RENEW, Claim, Copy
from .clock import Clock
from .runner import Background
from .sql.database import Database
from .sql.delivery import Delivery
from .sql.instances import Begun, Home
from .telemetry.logs import logger

ASK_SECONDS: Final = 2.0
READY_SECONDS: Final = ASK_SECONDS + 1.0

log = logger("delivery")
Ask = Callable[[Claim], Awaitable[int]]


class Copies:
    """This process among the copies of its member.

    Args:
        database: holds what is remembered of earlier processes.
        delivery: of the member; its standing is kept here.
        home: where the database is, asked before it was opened.
        clock: the present time.
        ask: asks for the lease and returns the fence; raises `Refused` (DELIVERY_FENCED, DELIVERY_COPY_UNDECIDED) or what gRPC raises
            when nobody answers. None where nobody is to be asked: the hub.
    """

    def __init__(self, database: Database, delivery: Delivery, home: Home, clock: Clock, ask: Ask | None) -> None:
        self._database, self._delivery, self._instances, self._home = database, delivery, delivery.instances, home
        self._clock, self._ask = clock, ask
        self._begun = Begun("", 0, "", fenced=False)
        self._beat, self._before = "", ""
        self._asked_at = self._undecided_at = float("inf")
        self._decided = asyncio.Event()
        self.keeping = Background("copies", self.step, RENEW.total_seconds())

    @property
    def begun(self) -> Begun:
        """This process."""
        return self._begun

    async def begin(self) -> None:
        """Enter this process into the database. Until it is decided, nothing new is taken on.

        Raises:
            Refused: DELIVERY_STORE_*.
        """
        self._begun = await self._database.write(lambda tx: self._instances.begin(tx, self._home, self._clock()))
        standing = self._delivery.standing
        standing.member, standing.instance = self._delivery.member, self._begun.instance
        first = Copy.FENCED if self._begun.fenced else Copy.UNDECIDED if self._ask else Copy.UNPROVED
        self._decide(first, self._begun.fence)
        if not self._begun.fenced and self._ask:
            await self.step()

    async def step(self) -> None:
        """Look whether a newer process has begun on this database, then ask for the lease."""
        if self._delivery.standing.copy in (Copy.FENCED, Copy.REPLACED) or await self._is_replaced():
            return
        if self._ask is not None:
            await self._renew(self._ask)

    async def ready(self) -> None:
        """Wait, not for long, until it is known whether this copy may speak.

        Raises:
            Refused: it may not: DELIVERY_FENCED, DELIVERY_COPY_UNDECIDED.
        """
        if self._now() - self._asked_at > LEASE.total_seconds():  # it was held up: another copy may have taken over meanwhile
            self._decided.clear()
            self.keeping.wake()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._decided.wait()
        except TimeoutError:
            pass
        self._delivery.standing.check_tell()

    async def granted(self, fence: int) -> None:
        """This copy is the member, under that fence."""
        standing = self._delivery.standing
        if (standing.copy, standing.fence) != (Copy.SOLE, fence):
            mine = self._begun.instance
            await self._database.write(lambda tx: self._instances.granted(tx, mine, fence, self._home, self._clock()))
        self._decide(Copy.SOLE, fence)

    async def superseded(self) -> None:
        """Another copy is the member: for good, and over restarts."""
        standing = self._delivery.standing
        if standing.copy in (Copy.FENCED, Copy.REPLACED) or await self._is_replaced():
            return
        log.error("another copy of this member is at work: this one is fenced", code=FENCED.name)
        self._decide(Copy.FENCED, standing.fence)
        await self._database.write(self._keep_fenced)

    async def _is_replaced(self) -> bool:
        """Whether a newer process has begun on this database; it tells what this one still writes."""
        if await self._database.read(self._instances.newest) == self._begun.instance:
            return False
        log.warning("a newer process works on this database")
        self._decide(Copy.REPLACED, self._delivery.standing.fence)
        return True

    def _keep_fenced(self, tx: Connection) -> None:
        now = self._clock()
        self._instances.fenced(tx, now)
        self._delivery.alarms.give(tx, self._delivery.member, FENCED, "this copy", now)

    async def _renew(self, ask: Ask) -> None:
        standing = self._delivery.standing
        self._beat = self._beat or uuid4().hex
        begun, began = self._begun, self._now()
        asked = Claim(self._delivery.member, begun.instance, max(begun.fence, standing.fence), begun.ended, self._beat, self._before)
        try:
            fence = await ask(asked)
        except Refused as refused:
            if refused.refusal.code == FENCED:
                await self.superseded()
            elif refused.refusal.code == COPY_UNDECIDED:
                self._undecided_at = self._now()
                self._decide(Copy.UNDECIDED, standing.fence)
            else:
                self._alone(began)
        except (grpc.aio.AioRpcError, OSError, TimeoutError):
            self._alone(began)
        else:
            self._before, self._beat = self._beat, ""
            await self.granted(fence)

    def _alone(self, began: float) -> None:
        """Nobody answers: the hub is away, or its program knows nothing of copies. A process that was held up while it asked asks again."""
        if self._now() - began > READY_SECONDS:
            self.keeping.wake()
        elif not 0 <= self._now() - self._undecided_at < LEASE.total_seconds():  # another copy was alive just now
            self._decide(Copy.ALONE, self._delivery.standing.fence)

    def _decide(self, copy: Copy, fence: int) -> None:
        self._asked_at = self._now() if self._ask else float("inf")
        self._delivery.standing.decide(copy, fence)
        if copy is not Copy.UNDECIDED:
            self._decided.set()

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
