"""How things are measured: in rounds, the sides taking turns, so that what disturbs the machine disturbs all of them.

The first round of each side warms up and is thrown away. The order of the sides changes from round to round.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from time import perf_counter
from typing import Final

ROUNDS: Final = 5
SIDE_SECONDS: Final = 0.6  # of one side in one round
SCALE: Final = float(os.environ.get("TWELVE333_BENCH_SCALE", "1"))  # smaller: quick and rough, for tests


class Absent(Exception):
    """A figure cannot be measured here; the sentence says why."""


class Failed(Exception):
    """What was measured did not do its job, so its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one side did in one round.

    Args:
        count: how many were done.
        seconds: in how much time, all together.
        times: the seconds that single calls took.
    """

    count: int
    seconds: float
    times: Sequence[float]

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds


def percentile(times: Sequence[float], share: float) -> float:
    """Seconds within which that share of the calls was done (nearest rank)."""
    return sorted(times)[max(0, ceil(share * len(times)) - 1)]


Side = Callable[[], Awaitable[Round]]


def scaled(size: int, least: int = 1) -> int:
    """A size for a full run, made smaller if a rough one is asked for."""
    return max(least, round(size * SCALE))


async def interleave(sides: Mapping[str, Side], count: int = ROUNDS) -> dict[str, list[Round]]:
    """Measure the sides in turns.

    Args:
        sides: what to measure, by name.
        count: rounds that are kept.

    Returns:
        The rounds of each side, in order.
    """
    names = list(sides)
    kept: dict[str, list[Round]] = {name: [] for name in names}
    for turn in range(count + 1):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            done = await sides[name]()
            if turn:
                kept[name].append(done)
    return kept


def repeated(call: Callable[[int], object]) -> Side:
    """A side that calls a plain function again and again, on a thread; it is told the number of the call."""

    async def side() -> Round:
        return await asyncio.to_thread(_repeat, call)

    return side


def concurrent(call: Callable[[], Awaitable[object]], callers: int) -> Side:
    """A side where each of `callers` waits for its answer and then asks again."""

    async def side() -> Round:
        took, began = list[float](), perf_counter()

        async def caller() -> None:
            started = began
            while started < began + SIDE_SECONDS * SCALE:
                await call()
                ended = perf_counter()
                took.append(ended - started)
                started = ended

        await asyncio.gather(*(caller() for _ in range(callers)))
        return Round(len(took), perf_counter() - began, took)

    return side


def paced(call: Callable[[], Awaitable[object]], per_second: float) -> Side:
    """A side where calls come at a pace, whether or not those before were answered; their times count from when they were due."""

    async def side() -> Round:
        took, began, tasks = list[float](), perf_counter(), list[asyncio.Task[None]]()

        async def timed(due: float) -> None:
            await call()
            took.append(perf_counter() - due)

        for number in range(max(1, round(per_second * SIDE_SECONDS * SCALE))):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - perf_counter()))
            tasks.append(asyncio.create_task(timed(due)))
        await asyncio.gather(*tasks)
        return Round(len(took), perf_counter() - began, took)

    return side


def gathered(work: Callable[[int], Awaitable[object]], size: int, callers: int, at_once: int) -> Side:
    """As `concurrent`, where callers wait for one thing each and those of up to `size` callers are done together.

    Args:
        work: does so many at once.
        size: of a full group; a smaller one is done when nothing else is.
        at_once: how many groups may be under way.
    """
    if callers == 1:
        return concurrent(lambda: work(1), 1)

    async def side() -> Round:
        return await concurrent(Gathering(work, size, at_once).one, callers)()

    return side


class Gathering:
    """Does together what several callers ask for one by one; see `gathered`."""

    def __init__(self, work: Callable[[int], Awaitable[object]], size: int, at_once: int) -> None:
        self._work, self._size, self._at_once = work, size, at_once
        self._waiting = list[asyncio.Future[None]]()
        self._under_way = set[asyncio.Future[object]]()
        self._called = False

    async def one(self) -> None:
        """Wait until one more is done."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._begin)  # after all who ask in this round of the loop
        await done

    def _begin(self) -> None:
        self._called = False
        while self._waiting and (not self._under_way or (len(self._waiting) >= self._size and len(self._under_way) < self._at_once)):
            group, self._waiting = self._waiting[: self._size], self._waiting[self._size :]
            task = asyncio.ensure_future(self._work(len(group)))
            self._under_way.add(task)
            task.add_done_callback(partial(self._done, group))

    def _done(self, group: list[asyncio.Future[None]], task: asyncio.Future[object]) -> None:
        self._under_way.discard(task)
        for done in group:
            if error := task.exception():
                done.set_exception(error)
            else:
                done.set_result(None)
        self._begin()


def _repeat(call: Callable[[int], object]) -> Round:
    took, began = list[float](), perf_counter()
    started = began
    while started < began + SIDE_SECONDS * SCALE:
        call(len(took))
        ended = perf_counter()
        took.append(ended - started)
        started = ended
    return Round(len(took), perf_counter() - began, took)
