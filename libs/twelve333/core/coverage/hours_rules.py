"""Are declared hours sound? Days once, spans in order, seasons apart from one another; every mistake is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from ..decision import Code, FieldViolation
from . import codes
from .hours import in_season, spans_text
from .model import EXCEPTIONS_MAX, MINUTES_A_DAY, SEASONS_MAX, SPANS_MAX, DayHours, HolidayHours, Hours, Season, Span

_WEEKDAYS: Final = range(1, 8)
_LEAP_YEAR: Final = [date(2000, 1, 1) + timedelta(days=number) for number in range(366)]


def hours_mistakes(hours: Hours) -> Iterator[FieldViolation]:
    """What is wrong with declared hours, field by field."""
    said = hours.weekly or hours.exceptions or hours.seasons
    if hours.always and (said or hours.makeup_as or hours.holidays is not HolidayHours.USUAL):
        yield violation("hours", codes.HOURS_SUPERFLUOUS)
    if not hours.always and not said:
        yield violation("hours", codes.HOURS_MISSING)
    if hours.makeup_as and hours.makeup_as not in _WEEKDAYS:
        yield violation("hours.makeup_as", codes.SPANS_INVALID, day=hours.makeup_as, spans="makeup_as")
    if len(hours.exceptions) > EXCEPTIONS_MAX:
        yield violation("hours.exceptions", codes.LIST_TOO_LONG, field="exceptions", most=EXCEPTIONS_MAX)
        return
    yield from weekly_mistakes("hours.weekly", hours.weekly)
    dates = [day.date for day in hours.exceptions]
    for index, exception in enumerate(hours.exceptions):
        if exception.date in dates[:index] or not _in_order(exception.spans):
            yield violation(
                f"hours.exceptions[{index}]", codes.SPANS_INVALID, day=exception.date.isoformat(), spans=spans_text(exception.spans) or "–"
            )
    yield from _seasons(hours.seasons)


def violation(path: str, code: Code, **params: object) -> FieldViolation:
    """One mistake."""
    return FieldViolation(path, code, {name: str(value) for name, value in params.items()})


def weekly_mistakes(path: str, weekly: Sequence[DayHours]) -> Iterator[FieldViolation]:
    """What is wrong with the hours of a week; days with the same wrong hours are named together, as they were typed."""
    weekdays = [day.weekday for day in weekly]
    wrong: dict[tuple[Span, ...], list[int]] = {}
    for index, day in enumerate(weekly):
        if day.weekday in weekdays[:index] or day.weekday not in _WEEKDAYS or not day.spans or not _in_order(day.spans):
            wrong.setdefault(tuple(day.spans), []).append(index)
    for spans, places in wrong.items():
        days = ", ".join(str(weekly[place].weekday) for place in places)
        yield violation(f"{path}[{places[0]}]", codes.SPANS_INVALID, day=days, spans=spans_text(spans) or "–")


def _seasons(seasons: Sequence[Season]) -> Iterator[FieldViolation]:
    if len(seasons) > SEASONS_MAX:
        yield violation("hours.seasons", codes.LIST_TOO_LONG, field="seasons", most=SEASONS_MAX)
        return
    for index, season in enumerate(seasons):
        yield from weekly_mistakes(f"hours.seasons[{index}].weekly", season.weekly)
        clash = next((day for day in _LEAP_YEAR if any(in_season(each, day.month, day.day) for each in _both(seasons, index, day))), None)
        if clash:
            yield violation(f"hours.seasons[{index}]", codes.SEASON_INVALID, day=f"{clash:%m-%d}")


def _both(seasons: Sequence[Season], index: int, day: date) -> Sequence[Season]:
    """The seasons before this one, if this one holds on `day`."""
    return seasons[:index] if in_season(seasons[index], day.month, day.day) else ()


def _in_order(spans: Sequence[Span]) -> bool:
    minutes = [minute for span in spans for minute in (span.start, span.end)]
    rising = all(span.start < span.end for span in spans) and all(a.end <= b.start for a, b in pairwise(spans))
    return len(spans) <= SPANS_MAX and rising and all(0 <= minute <= MINUTES_A_DAY for minute in minutes)
