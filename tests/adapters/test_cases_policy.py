"""The clocks of cases are policy: settings are read, and a mistake in them stops the node before it starts."""

from __future__ import annotations

from datetime import time

import pytest
from pydantic import ValidationError

from province_node.cases_policy import Cases
from twelve333.core.worktime.model import Limit, Measure, Span, Unit


def test_without_settings_three_days_for_the_caller_and_eight_working_hours_for_the_owner() -> None:
    clocks = Cases().clocks()
    assert clocks.caller == Limit(3, Unit.DAYS, Measure.CALENDAR)
    assert clocks.owner == Limit(8, Unit.HOURS, Measure.WORKING)
    assert clocks.hours.spans == (Span(time(9), time(12)), Span(time(13), time(18)))
    assert 2026 in clocks.calendar.years


def test_a_province_sets_its_own_clocks_and_hours() -> None:
    said = {"owner": {"amount": 2, "unit": "days", "measure": "working"}, "hours": ["08:00-18:00"]}
    clocks = Cases.model_validate(said).clocks()
    assert clocks.owner == Limit(2, Unit.DAYS, Measure.WORKING)
    assert clocks.hours.spans == (Span(time(8), time(18)),)


@pytest.mark.parametrize(
    "said",
    [
        {"owner": {"amount": 0, "unit": "days", "measure": "working"}},
        {"owner": {"amount": 9999, "unit": "days", "measure": "working"}},
        {"owner": {"amount": 1, "unit": "weeks", "measure": "working"}},
        {"hours": ["nine to five"]},
        {"hours": ["12:00-09:00"]},
        {"hours": ["09:00-12:00", "11:00-15:00"]},
        {"hours": []},
        {"colour": "red"},
    ],
)
def test_a_mistake_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Cases.model_validate(said)
