"""Hours as they are lived: lunch breaks, seasons, holidays, make-up working days, an answering machine round the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.routing.strategies import hours

from twelve333.adapters.calendar import announced_calendar
from twelve333.core.coverage.hours import NO_CALENDAR, LocalTimes, Schedule, in_season, local_time
from twelve333.core.coverage.model import ALWAYS, DateHours, DayHours, HolidayHours, Hours, Season, Span

CALENDAR = announced_calendar()
WINTER_DAY, SUMMER_DAY = Span(480, 1020), Span(480, 1080)


def week(*spans: Span) -> tuple[DayHours, ...]:
    return tuple(DayHours(day, spans) for day in range(1, 6))


# 吉林: in summer until 18:00, in winter until 17:00; closed on holidays, a make-up working day is like a Monday.
JILIN = Schedule(
    Hours(weekly=week(WINTER_DAY), seasons=(Season((5, 1), (9, 30), week(SUMMER_DAY)),), holidays=HolidayHours.CLOSED, makeup_as=1)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2014-07-01T17:30", True),
        ("2014-12-01T17:30", False),
        ("2014-12-01T16:59", True),
        ("2014-04-30T17:30", False),
        ("2014-05-05T17:30", True),
        ("2014-05-01T10:00", False),  # a holiday, a Thursday
        ("2014-05-04T10:00", True),  # a Sunday that is worked
        ("2014-01-26T10:00", True),  # a Sunday that is worked
        ("2014-01-31T10:00", False),  # Spring Festival, a Friday
        ("2014-06-14T10:00", False),  # an ordinary Saturday
    ],
)
def test_seasons_holidays_and_makeup_days_are_as_people_live_them(when: str, is_open: bool) -> None:
    assert JILIN.is_open(local_time(at(when), CALENDAR)) is is_open


def test_a_unit_without_a_day_off_answers_on_holidays() -> None:
    tianjin = Schedule(Hours(weekly=tuple(DayHours(day, (WINTER_DAY,)) for day in range(1, 8))))
    assert tianjin.is_open(local_time(at("2014-01-31T10:00"), CALENDAR))


def test_a_date_that_differs_comes_before_the_calendar() -> None:
    hours = Hours(weekly=week(WINTER_DAY), exceptions=(DateHours(date(2014, 1, 31), (Span(540, 720),)),), holidays=HolidayHours.CLOSED)
    assert Schedule(hours).is_open(local_time(at("2014-01-31T10:00"), CALENDAR))
    assert not Schedule(hours).is_open(local_time(at("2014-01-31T14:00"), CALENDAR))


def test_a_year_that_is_not_announced_is_monday_to_friday() -> None:
    assert not local_time(at("2044-05-02T10:00"), CALENDAR).holiday


@pytest.mark.parametrize(
    ("month", "day", "inside"), [(11, 1, True), (12, 31, True), (1, 1, True), (3, 31, True), (4, 1, False), (10, 31, False)]
)
def test_a_season_may_go_over_the_end_of_the_year(month: int, day: int, inside: bool) -> None:
    assert in_season(Season((11, 1), (3, 31), ()), month, day) is inside


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2014-01-30T16:00", "2014-01-30T16:00"),  # open now
        ("2014-01-30T17:00", "2014-02-07T08:00"),  # Spring Festival lies between, Friday the 7th is worked
        ("2014-04-30T18:00", "2014-05-04T08:00"),  # the Sunday is worked
        ("2014-12-01T06:00", "2014-12-01T08:00"),
    ],
)
def test_the_next_opening_is_told_over_holidays(now: str, opens: str) -> None:
    assert JILIN.next_open(at(now), CALENDAR) == at(opens)


def test_who_never_opens_says_so() -> None:
    assert Schedule(Hours(exceptions=(DateHours(date(2014, 1, 1), ()),))).next_open(at("2014-01-02T00:00"), NO_CALENDAR) is None


def test_always_is_always() -> None:
    assert Schedule(ALWAYS).next_open(at("2014-01-31T03:00"), CALENDAR) == at("2014-01-31T03:00")


@given(st.lists(st.integers(-4_000_000, 4_000_000), min_size=1, max_size=30))
def test_a_time_is_seen_alike_whatever_was_asked_before(seconds: list[int]) -> None:
    times, around = LocalTimes(CALENDAR), at("2014-05-01T00:00")
    for moment in (around + timedelta(seconds=each * step) for each in seconds for step in (1, 0.000_1)):
        assert times.at(moment) == times.at(moment.astimezone(UTC)) == local_time(moment, CALENDAR)


@given(hours(), st.integers(0, 20_000))
def test_the_next_opening_is_open_and_no_minute_before_it_is(declared: Hours, minutes: int) -> None:
    schedule, now = Schedule(declared), datetime(2014, 1, 20, tzinfo=UTC) + timedelta(minutes=minutes)
    opens = schedule.next_open(now, NO_CALENDAR)
    until = opens or now + timedelta(days=7)
    if opens:
        assert schedule.is_open(local_time(opens, NO_CALENDAR))
    step = max(timedelta(minutes=1), (until - now) / 50)
    moments = [now + number * step for number in range(50) if now + number * step < until]
    assert not any(schedule.is_open(local_time(moment, NO_CALENDAR)) for moment in moments)
