"""How fast the library is let through: urgent at once, normal within the cap of the hour, bulk within it when nothing else waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic

from ..core.library.copying import Lane
from ..core.library.pacing import Cap, cap_at
from ..core.rpc_limits import Bucket, Rate, take
from .clock import Clock

BURST_SECONDS = 1.0  # what a line that was quiet may send at once, in seconds of its cap
LEAST_BURST = 64 * 1024
YIELD_SECONDS = 0.05

Pace = Callable[[int], Awaitable[None]]  # waits until so many bytes may be sent


async def unpaced(_size: int) -> None:
    """No cap."""


class Traffic:
    """The lanes of one member, for all that copies library or attachments.

    Args:
        caps: by time of day; none: as fast as it goes.
        clock: the present moment, for the time of day.
        seconds: only forward.
    """

    def __init__(self, caps: Sequence[Cap], clock: Clock, seconds: Callable[[], float] = monotonic) -> None:
        self._caps, self._clock, self._seconds = caps, clock, seconds
        self._bucket: Bucket | None = None
        self._busy = Counter[Lane]()
        self._urgent = asyncio.Event()

    def hurry(self) -> None:
        """Something urgent was told: nobody waits until it is done."""
        self._urgent.set()

    @property
    def hurried(self) -> bool:
        """Whether something urgent was told and is not done yet."""
        return self._urgent.is_set()

    def settled(self) -> None:
        """What was urgent is done."""
        self._urgent.clear()

    @contextmanager
    def using(self, lane: Lane) -> Iterator[None]:
        """While something goes in this lane, lower ones yield."""
        self._busy[lane] += 1
        try:
            yield
        finally:
            self._busy[lane] -= 1

    async def turn(self, lane: Lane, size: int) -> None:
        """Wait until so many bytes may follow in this lane; at most until something urgent is told, so that its asker can make way."""
        while lane is Lane.BULK and not self.hurried and self._busy[Lane.NORMAL] + self._busy[Lane.URGENT]:
            await self._wait(YIELD_SECONDS)
        cap = cap_at(self._caps, self._clock())
        if lane is Lane.URGENT or cap is None or not size:
            return
        rate = Rate(cap, max(cap * BURST_SECONDS, LEAST_BURST))
        left = float(size)
        while left > 0 and not self.hurried:
            taken = take(self._bucket, rate, min(left, rate.burst), self._seconds(), patience=float("inf"))
            self._bucket, left = taken.bucket, left - rate.burst
            await self._wait(taken.delay)

    async def rest(self, seconds: float) -> None:
        """Leave the processor to others for so long, or until something urgent is told."""
        await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), seconds)
