"""Hours of a week as people write them: `1-5 08:30-12:00 13:30-17:30; 6 09:00-12:00`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

from ..core.coverage.hours import spans_text
from ..core.coverage.model import DayHours, Span

_DAYS: Final = re.compile(r"([1-7])(?:-([1-7]))?((?:\s+\d\d:\d\d-\d\d:\d\d)+)")
_SPAN: Final = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d)")


def parse_week(text: str) -> tuple[DayHours, ...]:
    """Read the hours of a week.

    Raises:
        ValueError: they are not written so.
    """
    return tuple(day for part in text.split(";") if part.strip() for day in _days(part.strip()))


def hours_text(week: Iterable[DayHours]) -> str:
    """The hours of a week as `parse_week` reads them; days in a row with the same hours are put together."""
    parts = []
    days = sorted(week, key=lambda day: day.weekday)
    for _, same in groupby(enumerate(days), key=lambda pair: (pair[1].weekday - pair[0], pair[1].spans)):
        row = [day for _, day in same]
        first, last = row[0].weekday, row[-1].weekday
        spans = spans_text(row[0].spans)
        parts.append(f"{first}-{last} {spans}" if last > first else f"{first} {spans}")
    return "; ".join(parts)


def parse_spans(text: str) -> tuple[Span, ...]:
    """Read the hours of one day: `08:30-12:00 13:30-17:30`.

    Raises:
        ValueError: they are not written so.
    """
    found = [_SPAN.fullmatch(part) for part in text.split()]
    if not found or None in found:
        raise ValueError(text)
    numbers = [[int(number) for number in match.groups()] for match in found if match]
    return tuple(Span(h1 * 60 + m1, h2 * 60 + m2) for h1, m1, h2, m2 in numbers)


def _days(text: str) -> Iterator[DayHours]:
    match = _DAYS.fullmatch(text)
    if not match:
        raise ValueError(text)
    spans = parse_spans(match[3])
    for weekday in range(int(match[1]), int(match[2] or match[1]) + 1):
        yield DayHours(weekday, spans)
