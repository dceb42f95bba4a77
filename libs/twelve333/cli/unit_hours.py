"""Opening hours in a unit's file: `always`, a week on one line, or a week with seasons, dates, holidays and an answering machine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from ..core.coverage.hours import spans_text
from ..core.coverage.model import ALWAYS, DateHours, HolidayHours, Hours, Season
from .hours_text import hours_text, parse_spans, parse_week

CLOSED: Final = "closed"
_LEAP_YEAR: Final = "2000-"


def hours_from_values(values: str | Mapping[str, Any]) -> Hours:
    """Hours as a person wrote them.

    Raises:
        ValueError: a week, a day or a date is not written as it must be.
    """
    if values == "always":
        return ALWAYS
    if isinstance(values, str):
        return Hours(weekly=parse_week(values))
    return Hours(
        weekly=parse_week(values.get("week", "")),
        exceptions=tuple(DateHours(day_of(day), _spans(text)) for day, text in values.get("dates", {}).items()),
        seasons=tuple(_season(each) for each in values.get("seasons", ())),
        holidays=HolidayHours(values.get("holidays", "usual")),
        makeup_as=values.get("makeup_as", 0),
        machine=values.get("machine", False),
    )


def day_of(text: str, year: str = "") -> date:
    """A date as a person wrote it, or a day of the year.

    Raises:
        ValueError: with what was written, if there is no such day.
    """
    try:
        return date.fromisoformat(year + text)
    except ValueError:
        raise ValueError(text) from None


def hours_values(hours: Hours) -> Any:
    """Hours as `hours_from_values` reads them, on one line where that says it all."""
    if hours == ALWAYS:
        return "always"
    if hours == Hours(weekly=hours.weekly):
        return hours_text(hours.weekly)
    values: dict[str, Any] = {
        "week": hours_text(hours.weekly),
        "seasons": [
            {"from": "{:02}-{:02}".format(*each.first), "through": "{:02}-{:02}".format(*each.last), "week": hours_text(each.weekly)}
            for each in hours.seasons
        ],
        "dates": {day.date.isoformat(): spans_text(day.spans) or CLOSED for day in hours.exceptions},
        "holidays": hours.holidays.value if hours.holidays is HolidayHours.CLOSED else "",
        "makeup_as": hours.makeup_as,
        "machine": hours.machine,
    }
    return {name: value for name, value in values.items() if value}


def _season(values: Mapping[str, Any]) -> Season:
    first, last = (day_of(values[name], _LEAP_YEAR) for name in ("from", "through"))
    return Season((first.month, first.day), (last.month, last.day), parse_week(values["week"]))


def _spans(text: str) -> Any:
    return () if text == CLOSED else parse_spans(text)
