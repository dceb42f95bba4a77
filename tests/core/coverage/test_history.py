"""Coverage of any day: what was, as far as it was written down; what will be, by plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.history import Standing, as_of
from twelve333.core.coverage.report import report
from twelve333.core.registration.model import UnitStatus
from twelve333.data import units_2013
from twelve333.testing.directory import a_unit

NOW = datetime(2014, 6, 1, tzinfo=UTC)
OPEN, PLANNED, SUSPENDED = UnitStatus.OPEN, UnitStatus.PLANNED, UnitStatus.SUSPENDED
UNITS = [a_unit("350000"), a_unit("350100")]


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def status(standings: list[Standing], number: int) -> list[UnitStatus]:
    return [unit.status for unit in as_of(UNITS, standings, day(number), NOW).units]


def test_table_1_comes_back_for_the_end_of_2013_whatever_happened_since() -> None:
    then = datetime(2013, 12, 31, 15, 59, tzinfo=UTC)
    history = [Standing(unit.code, then, unit.status, unit.with_system) for unit in units_2013()]
    history += [Standing("230200", day(-10), OPEN, True), Standing("350100", day(-5), SUSPENDED, True)]
    counted = report(as_of(units_2013(), history, then, NOW).units)
    assert (counted.total.units, counted.total.open, counted.total.with_system) == (366, 319, 267)
    later = report(as_of(units_2013(), history, NOW, NOW).units)
    assert (later.total.open, "230200" in {code for line in later.provinces for code in line.not_open}) == (319, False)


def test_before_anything_was_written_down_nothing_was_open() -> None:
    assert status([Standing("350100", day(-1), OPEN, True)], -2) == [PLANNED, PLANNED]


def test_a_plan_counts_for_days_to_come_and_is_named() -> None:
    plans = [Standing("350100", day(10), OPEN, True, planned=True)]
    assert status(plans, 9) == [PLANNED, PLANNED]
    assert as_of(UNITS, plans, day(10), NOW).by_plan == {"350100"}
    assert status(plans, 10) == [PLANNED, OPEN]


def test_a_plan_whose_day_has_passed_is_no_fact() -> None:
    assert status([Standing("350100", day(-3), OPEN, True, planned=True)], 5) == [PLANNED, PLANNED]


def test_a_plan_takes_away_nothing_that_was_reached_before_its_day() -> None:
    plan = Standing("350100", day(10), OPEN, False, planned=True)
    for reached in (Standing("350100", day(-2), OPEN, True), Standing("350100", day(-2), OPEN, False)):
        found = as_of(UNITS, [plan, reached], day(20), NOW)
        assert (found.units[1].with_system, found.by_plan) == (reached.with_system, frozenset()), "reached already"
    more = Standing("350100", day(15), OPEN, True, planned=True)
    found = as_of(UNITS, [Standing("350100", day(-2), OPEN, False), plan, more], day(20), NOW)
    assert (found.units[1].with_system, found.by_plan) == (True, {"350100"})
    ends = Standing("350100", day(16), SUSPENDED, False, planned=True)
    assert as_of(UNITS, [Standing("350100", day(-2), OPEN, True), ends], day(20), NOW).units[1].status is SUSPENDED


def test_a_correction_for_the_same_time_counts() -> None:
    history = [Standing("350100", day(-3), OPEN, True), Standing("350100", day(-3), SUSPENDED, True)]
    assert status(history, -3) == [PLANNED, SUSPENDED]


@given(st.lists(st.tuples(st.integers(-20, 20), st.sampled_from(list(UnitStatus)), st.booleans()), max_size=8), st.integers(-25, 25))
def test_it_agrees_with_reading_the_history_line_by_line(entries: list[tuple[int, UnitStatus, bool]], number: int) -> None:
    history = [Standing("350100", day(since), stands, True, planned) for since, stands, planned in entries]
    expected, best = PLANNED, -100
    for since, stands, planned in entries:
        if since <= number and since >= best and (not planned or since > 0):
            expected, best = stands, since
    assert status(history, number)[1] is expected
