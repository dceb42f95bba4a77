"""When a limit runs out: hours or days, in calendar or working time.

Hours run only inside office hours when they are working hours. The day on which a limit in days starts is not counted, and
the last working day ends when the office closes (Civil Code art. 201 and 203). A calendar day is 24 hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Final

from .model import CHINA, Calendar, Due, Limit, Measure, OfficeHours, Span, Unit

ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayUse:
    """One day that a deadline looked at: was it worked, was its year announced, how much of the limit it used (hours only)."""

    day: date
    worked: bool
    announced: bool
    used: timedelta


def due(start: datetime, limit: Limit, calendar: Calendar, hours: OfficeHours) -> Due:
    """Return when `limit` runs out.

    Args:
        start: aware; when the clock starts.
        limit: how long.
        calendar: announced working days; looked at only for working time.
        hours: office hours; looked at only for working time.
    """
    if limit.measure is Measure.CALENDAR:
        span = timedelta(hours=limit.amount) if limit.unit is Unit.HOURS else limit.amount * ONE_DAY
        return Due((start + span).astimezone(UTC), provisional=False)
    at, days = (
        _count_hours(start, limit.amount, calendar, hours)
        if limit.unit is Unit.HOURS
        else _count_days(start, limit.amount, calendar, hours)
    )
    return Due(at.astimezone(UTC), provisional=any(not use.announced for use in days))


def explain(start: datetime, limit: Limit, calendar: Calendar, hours: OfficeHours) -> tuple[DayUse, ...]:
    """Return the days that `due` looked at, in order: why is it due then? Empty for calendar time."""
    if limit.measure is Measure.CALENDAR:
        return ()
    count = _count_hours if limit.unit is Unit.HOURS else _count_days
    return tuple(count(start, limit.amount, calendar, hours)[1])


def working_time(start: datetime, end: datetime, calendar: Calendar, hours: OfficeHours) -> timedelta:
    """Return how much working time lies between two aware instants (zero if `end` is not after `start`)."""
    first, last = start.astimezone(CHINA), end.astimezone(CHINA)
    days = takewhile(lambda day: day <= last.date(), _days_from(first.date()))
    pieces = (_overlap(span, day, first, last) for day in days if calendar.is_workday(day) for span in hours.spans)
    return sum(pieces, timedelta())


def _count_hours(start: datetime, amount: int, calendar: Calendar, hours: OfficeHours) -> tuple[datetime, list[DayUse]]:
    local, left, uses = start.astimezone(CHINA), timedelta(hours=amount), list[DayUse]()
    for day in _days_from(local.date()):
        worked, before = calendar.is_workday(day), left
        for span in hours.spans if worked else ():
            begin, end = max(_at(day, span.start), local), _at(day, span.end)
            free = max(end - begin, timedelta())
            if free and left <= free:
                uses.append(DayUse(day, True, calendar.is_announced(day), before))
                return begin + left, uses
            left -= free
        uses.append(DayUse(day, worked, calendar.is_announced(day), before - left))
    raise AssertionError("the days never end")


def _count_days(start: datetime, amount: int, calendar: Calendar, hours: OfficeHours) -> tuple[datetime, list[DayUse]]:
    uses, left = list[DayUse](), amount
    for day in _days_from(start.astimezone(CHINA).date() + ONE_DAY):
        worked = calendar.is_workday(day)
        uses.append(DayUse(day, worked, calendar.is_announced(day), timedelta()))
        left -= worked
        if not left:
            return _at(day, hours.spans[-1].end), uses
    raise AssertionError("the days never end")


def _days_from(day: date) -> Iterator[date]:
    while True:
        yield day
        day += ONE_DAY


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, CHINA)


def _overlap(span: Span, day: date, first: datetime, last: datetime) -> timedelta:
    begin, end = max(_at(day, span.start), first), min(_at(day, span.end), last)
    return max(end - begin, timedelta())
