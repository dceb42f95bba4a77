"""What everything simulated shares: time, chance, the trace, and the broken promises found on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

BEGAN: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # a Monday, 09:00 in China


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is now; probabilities per message, seconds."""

    loss: float = 0.0
    duplicate: float = 0.0
    slow: float = 0.0  # how many take up to `slow_s` instead of a few milliseconds, and so overtake each other
    slow_s: float = 0.0


CALM: Final = Weather()


@dataclass(slots=True)
class World:
    """One run.

    Args:
        seed: decides everything.
        keep: whether the trace is kept as text, not only as its hash.
    """

    seed: int
    keep: bool = False
    weather: Weather = CALM
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def chance(self, name: str) -> Random:
        """A stream of random numbers of its own, so that one part's appetite does not change another's luck."""
        return Random(f"{self.seed}:{name}")

    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return asyncio.get_running_loop().time()

    def wall(self, skew_s: float = 0.0) -> datetime:
        """What a clock that is wrong by `skew_s` shows."""
        return BEGAN + timedelta(seconds=self.now() + skew_s)

    def trace(self, member: str, what: str, *details: object) -> None:
        """Write one line of the run; the hash over all of them is the run's identity."""
        line = f"{self.now():11.4f} {member:6} {what} {' '.join(map(str, details))}"
        self.counts[what] += 1
        self._hash.update(line.encode())
        if self.keep:
            self.lines.append(line)

    def breach(self, promise: str, said: str) -> None:
        """Record that a promise was broken."""
        self.trace("-", "BROKEN", promise, said)
        self.broken.append(f"{promise}: {said}")

    @property
    def digest(self) -> str:
        """The hash of the trace so far."""
        return self._hash.hexdigest()[:16]
