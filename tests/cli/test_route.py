"""Past calls by rules that are proposed: which days are meant, and that nobody says them twice."""

from __future__ import annotations

from datetime import date

import pytest

from tests.support.federation import cli
from twelve333.cli.route import _days_of


@pytest.mark.parametrize(
    ("today", "month", "week"),
    [
        (date(2026, 11, 27), (date(2026, 10, 1), date(2026, 11, 1)), (date(2026, 11, 16), date(2026, 11, 23))),
        (date(2026, 1, 1), (date(2025, 12, 1), date(2026, 1, 1)), (date(2025, 12, 22), date(2025, 12, 29))),
        (date(2026, 3, 30), (date(2026, 2, 1), date(2026, 3, 1)), (date(2026, 3, 23), date(2026, 3, 30))),
    ],
)
def test_last_month_and_last_week_are_those_that_ended(today: date, month: tuple[date, date], week: tuple[date, date]) -> None:
    assert _days_of("last-month", today) == month
    assert _days_of("last-week", today) == week


def test_days_are_said_in_one_way() -> None:
    told = cli("route", "replay", "--policy", "new.yaml", "--calls", "last-month", "--since", "2026-11-01")
    assert told.code == 2 and "CLI_ROUTE_REPLAY_WHAT" in told.err
