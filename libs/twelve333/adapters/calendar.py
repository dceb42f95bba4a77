"""Builds the calendar of working days from the `chinesecalendar` data, which raises for a year that is not announced."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from importlib.metadata import version
from typing import Final

import chinese_calendar

from twelve333.core.worktime.model import Calendar

YEAR_FIRST: Final = 2004
YEARS_AHEAD_MAX: Final = 40


@lru_cache(maxsize=1)
def announced_calendar() -> Calendar:
    """Return every announced year of the installed data; later years are left out, so deadlines there are provisional."""
    facts: dict[date, bool] = {}
    years = set[int]()
    for year in range(YEAR_FIRST, YEAR_FIRST + YEARS_AHEAD_MAX):
        try:
            facts |= _year(year)
        except NotImplementedError:
            break
        years.add(year)
    return Calendar.of(f"chinesecalendar {version('chinesecalendar')}", frozenset(years), facts)


def _year(year: int) -> dict[date, bool]:
    first, after = date(year, 1, 1), date(year + 1, 1, 1)
    days = (first + timedelta(days=number) for number in range((after - first).days))
    return {day: bool(chinese_calendar.is_workday(day)) for day in days}
