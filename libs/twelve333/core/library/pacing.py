"""How many bytes a second the library may take from a line, by the time of day in Beijing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from ..worktime.model import CHINA

BITS: Final = 8


@dataclass(frozen=True, slots=True)
class Cap:
    """A cap on a line from `start` until before `end`, over midnight if it ends earlier than it starts; equal: the whole day.

    Args:
        start, end: times of day in Beijing.
        kilobits: a second, above 0.
    """

    start: time
    end: time
    kilobits: int

    def covers(self, moment: time) -> bool:
        """Whether it counts at this time of day."""
        if self.start == self.end:
            return True
        if self.start < self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def cap_at(caps: Sequence[Cap], now: datetime) -> float | None:
    """The bytes a second that count now: the least of those that cover this time, None without one."""
    moment = now.astimezone(CHINA).time()
    rates = [cap.kilobits * 1000 / BITS for cap in caps if cap.covers(moment)]
    return min(rates, default=None)
