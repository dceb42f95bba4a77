"""Facts of working time: which days are worked, which hours of such a day count, and what a deadline is.

The State Council announces holidays **and make-up working days** once a year. A year that is not announced yet is not
guessed silently: its days are taken as Monday to Friday and every deadline that touched one is marked provisional.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final

CHINA: Final = timezone(timedelta(hours=8), "UTC+8")  # official time of the whole country, without summer time since 1992
AMOUNT_HOURS_MAX: Final = 8_760
AMOUNT_DAYS_MAX: Final = 366
SPANS_MAX: Final = 8
_WEEKEND: Final = 5


class Unit(StrEnum):
    """What a limit counts."""

    HOURS = "hours"
    DAYS = "days"


class Measure(StrEnum):
    """Which time counts."""

    CALENDAR = "calendar"
    WORKING = "working"


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something may take: `amount` (1 or more) of `unit`, counted in `measure` time."""

    amount: int
    unit: Unit
    measure: Measure

    def __post_init__(self) -> None:
        most = AMOUNT_HOURS_MAX if self.unit is Unit.HOURS else AMOUNT_DAYS_MAX
        if not 1 <= self.amount <= most:
            raise ValueError(f"a limit is 1 to {most} {self.unit.value}, not {self.amount}")


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline: `at` in UTC; `provisional` if it rests on a year whose working days are not announced."""

    at: datetime
    provisional: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """The announced working days.

    Args:
        version: names the source, so that a deadline can be explained later.
        years: the announced years.
        workdays: weekend days that are worked (make-up working days).
        holidays: days Monday to Friday that are not worked.
    """

    version: str
    years: frozenset[int]
    workdays: frozenset[date] = frozenset()
    holidays: frozenset[date] = frozenset()

    @classmethod
    def of(cls, version: str, years: frozenset[int], facts: Mapping[date, bool]) -> Calendar:
        """Build a calendar from facts (day -> worked?), keeping only what differs from Monday to Friday."""
        worked = frozenset(day for day, works in facts.items() if works and day.weekday() >= _WEEKEND)
        free = frozenset(day for day, works in facts.items() if not works and day.weekday() < _WEEKEND)
        return cls(version, years, worked, free)

    def is_announced(self, day: date) -> bool:
        """Whether the year of `day` has been announced."""
        return day.year in self.years

    def is_workday(self, day: date) -> bool:
        """Whether `day` is worked; Monday to Friday where nothing is announced."""
        if day.weekday() >= _WEEKEND:
            return day in self.workdays
        return day not in self.holidays


@dataclass(frozen=True, slots=True)
class Span:
    """Hours worked without a break, in Chinese official time, same day: `start` included, `end` not."""

    start: time
    end: time

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a span ends after it starts, not {self.start:%H:%M}-{self.end:%H:%M}")


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """The hours of one working day: 1 to 8 spans in order, without overlap."""

    spans: tuple[Span, ...] = field(default=(Span(time(9), time(12)), Span(time(13), time(18))))

    def __post_init__(self) -> None:
        if not 1 <= len(self.spans) <= SPANS_MAX:
            raise ValueError(f"a working day has 1 to {SPANS_MAX} spans")
        if any(earlier.end > later.start for earlier, later in zip(self.spans, self.spans[1:], strict=False)):
            raise ValueError("the spans of a day follow one another without overlap")
