"""How things are measured: in rounds, the sides taking turns, so that what disturbs the machine disturbs all of them.

The first round of each side warms up and is thrown away. The order of the sides changes from round to round.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
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


def grouped(call: Callable[[int], Awaitable[object]], size: int, callers: int) -> Side:
    """As `concurrent`, where each call does so many at once: they count, and each took as long as its call."""
    one = concurrent(lambda: call(size), callers)

    async def side() -> Round:
        done = await one()
        return Round(done.count * size, done.seconds, done.times)

    return side


def _repeat(call: Callable[[int], object]) -> Round:
    took, began = list[float](), perf_counter()
    started = began
    while started < began + SIDE_SECONDS * SCALE:
        call(len(took))
        ended = perf_counter()
        took.append(ended - started)
        started = ended
    return Round(len(took), perf_counter() - began, took)
