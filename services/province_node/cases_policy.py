"""The policy of the two clocks, from settings: three calendar days for the caller (三日内), eight working hours for the owner."""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from twelve333.adapters.calendar import announced_calendar
from twelve333.adapters.settings import Section
from twelve333.core.cases.rules import Clocks
from twelve333.core.worktime.model import Limit, Measure, OfficeHours, Span, Unit


class ClockLimit(Section):
    """How long a promise may take: `amount` of `unit` (hours, days) in `measure` time (calendar, working)."""

    amount: int = Field(ge=1)
    unit: Unit
    measure: Measure

    @model_validator(mode="after")
    def _check(self) -> ClockLimit:
        self.limit()
        return self

    def limit(self) -> Limit:
        """The limit for the core."""
        return Limit(self.amount, self.unit, self.measure)


def _check_hours(spans: tuple[str, ...]) -> tuple[str, ...]:
    office_hours(spans)
    return spans


class Cases(Section):
    """The clocks of cases: `caller` until the caller is told, `owner` until the present owner answers; `hours` such as 09:00-12:00."""

    caller: ClockLimit = ClockLimit(amount=3, unit=Unit.DAYS, measure=Measure.CALENDAR)
    owner: ClockLimit = ClockLimit(amount=8, unit=Unit.HOURS, measure=Measure.WORKING)
    hours: Annotated[tuple[str, ...], AfterValidator(_check_hours)] = ("09:00-12:00", "13:00-18:00")

    def clocks(self) -> Clocks:
        """The clocks for the core, with the announced working days."""
        return Clocks(self.caller.limit(), self.owner.limit(), announced_calendar(), office_hours(self.hours))


def office_hours(spans: tuple[str, ...]) -> OfficeHours:
    """Spans such as `09:00-12:00` as office hours.

    Raises:
        ValueError: a span that is none, or spans out of order.
    """
    return OfficeHours(tuple(_span(text) for text in spans))


def _span(text: str) -> Span:
    start, separator, end = text.partition("-")
    if not separator:
        raise ValueError(f"{text!r} is not a span such as 09:00-12:00")
    return Span(time.fromisoformat(start), time.fromisoformat(end))
