"""Opening hours made ready for asking: is a unit open at this time, and when does it open next?

What is said of a date comes first, then the calendar of the State Council (holidays, make-up working days), then the season, then
the usual week. A year whose holidays are not announced yet is taken as Monday to Friday.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from ..worktime.model import CHINA, Calendar
from .model import MINUTES_A_DAY, HolidayHours, Hours, Season, Span

NO_CALENDAR: Final = Calendar("none", frozenset())
DAYS_AHEAD_MAX: Final = 62  # nobody is told "we open again in a year"
_ALL_DAY: Final = (Span(0, MINUTES_A_DAY),)
_SATURDAY: Final = 6
_MINUTE: Final = timedelta(minutes=1)
Week = Mapping[int, tuple[Span, ...]]


class LocalTime(NamedTuple):
    """An instant as opening hours see it: date, ISO weekday (1-7), minute of the day (UTC+8), and what the calendar says."""

    date: date
    weekday: int
    minute: int
    holiday: bool = False  # Monday to Friday, not worked
    makeup: bool = False  # a weekend day, worked


def local_time(now: datetime, calendar: Calendar = NO_CALENDAR) -> LocalTime:
    """An aware time as opening hours see it."""
    local = now.astimezone(CHINA)
    return local_day(local.date(), calendar)._replace(minute=local.hour * 60 + local.minute)


def local_day(day: date, calendar: Calendar) -> LocalTime:
    """The first minute of a day."""
    weekday, worked = day.isoweekday(), calendar.is_workday(day)
    return LocalTime(day, weekday, 0, weekday < _SATURDAY and not worked, weekday >= _SATURDAY and worked)


class LocalTimes:
    """Times as opening hours see them by one calendar. Hours begin and end with a minute, so all of a minute are one, worked out once."""

    __slots__ = ("_calendar", "_minute")

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._minute: tuple[datetime, datetime, LocalTime] | None = None  # replaced as a whole, so threads need no lock

    def at(self, now: datetime) -> LocalTime:
        """An aware time."""
        minute = self._minute
        if minute is None or not minute[0] <= now < minute[1]:
            local = now.astimezone(CHINA)
            begins = now - timedelta(seconds=local.second, microseconds=local.microsecond)
            minute = self._minute = begins, begins + _MINUTE, local_time(now, self._calendar)
        return minute[2]


def within(spans: Iterable[Span], minute: int) -> bool:
    """Whether a minute of the day lies in one of the spans."""
    for span in spans:  # noqa: SIM110 - a generator costs more than these two comparisons, and every decision comes here
        if span.start <= minute < span.end:
            return True
    return False


def clock_text(minute: int) -> str:
    """A minute of the day as on a clock, 24:00 for the end of it."""
    return f"{minute // 60:02}:{minute % 60:02}"


def spans_text(spans: Iterable[Span]) -> str:
    """The hours of one day on a line: `08:30-12:00 13:30-17:30`."""
    return " ".join(f"{clock_text(span.start)}-{clock_text(span.end)}" for span in spans)


class Schedule:
    """The hours of one unit."""

    __slots__ = ("_always", "_dates", "_hours", "_seasons", "_week")

    def __init__(self, hours: Hours) -> None:
        self._hours, self._always = hours, hours.always
        self._week: Week = {day.weekday: day.spans for day in hours.weekly}
        self._dates = {day.date: day.spans for day in hours.exceptions}
        self._seasons = [(season, {day.weekday: day.spans for day in season.weekly}) for season in hours.seasons]

    def is_open(self, local: LocalTime) -> bool:
        """Whether a consultant answers at that time."""
        return self._always or within(self.spans(local), local.minute)

    def spans(self, local: LocalTime) -> tuple[Span, ...]:
        """The hours of that day, in order."""
        if self._always:
            return _ALL_DAY
        if self._dates:
            spans = self._dates.get(local.date)
            if spans is not None:
                return spans
        if local.holiday and self._hours.holidays is HolidayHours.CLOSED:
            return ()
        weekday = self._hours.makeup_as if local.makeup and self._hours.makeup_as else local.weekday
        return self._week_of(local.date).get(weekday, ())

    def next_open(self, now: datetime, calendar: Calendar) -> datetime | None:
        """The first time from `now` on at which a consultant answers; None if that is more than two months away.

        Args:
            now: aware.
            calendar: the announced working days.
        """
        local = local_time(now, calendar)
        for day in _days(local.date):
            for span in self.spans(local_day(day, calendar)):
                if day > local.date or span.end > local.minute:
                    opens = datetime.combine(day, datetime.min.time(), CHINA) + timedelta(minutes=span.start)
                    return max(opens, now)
        return None

    def weeks(self) -> Iterator[Week]:
        """Each week that this unit has in a year: the usual one and those of its seasons."""
        if self._always:
            yield dict.fromkeys(range(1, 8), _ALL_DAY)
            return
        yield self._week
        for _, week in self._seasons:
            yield week

    def _week_of(self, day: date) -> Week:
        for season, week in self._seasons:
            if in_season(season, day.month, day.day):
                return week
        return self._week


def in_season(season: Season, month: int, day: int) -> bool:
    """Whether a day of the year lies in a season."""
    if season.first <= season.last:
        return season.first <= (month, day) <= season.last
    return (month, day) >= season.first or (month, day) <= season.last


def _days(first: date) -> Iterator[date]:
    for number in range(DAYS_AHEAD_MAX):
        yield first + timedelta(days=number)
