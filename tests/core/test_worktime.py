"""Working time: golden vectors of real notices, and properties that hold for every calendar and every office."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.calendar import announced_calendar
from twelve333.core.worktime.model import CHINA, Calendar, Limit, Measure, OfficeHours, Span, Unit
from twelve333.core.worktime.rules import due, explain, working_time

HOURS = OfficeHours()
WORKING_DAYS_3 = Limit(3, Unit.DAYS, Measure.WORKING)
WORKING_HOURS_8 = Limit(8, Unit.HOURS, Measure.WORKING)


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        pytest.param("2014-01-24T16:00", WORKING_HOURS_8, "2014-01-26T16:00", id="Sunday before Spring Festival is worked"),
        pytest.param("2014-04-30T17:30", WORKING_HOURS_8, "2014-05-04T17:30", id="Sunday after Labour Day is worked"),
        pytest.param("2026-02-13T17:00", WORKING_HOURS_8, "2026-02-14T17:00", id="Saturday is worked"),
        pytest.param("2014-04-30T10:00", WORKING_DAYS_3, "2014-05-06T18:00", id="three working days over Labour Day"),
        pytest.param("2014-09-26T10:00", WORKING_DAYS_3, "2014-09-30T18:00", id="Sunday the 28th counts"),
        pytest.param("2014-09-26T10:00", Limit(3, Unit.DAYS, Measure.CALENDAR), "2014-09-29T10:00", id="three calendar days"),
        pytest.param("2014-03-03T12:30", Limit(1, Unit.HOURS, Measure.WORKING), "2014-03-03T14:00", id="lunch does not count"),
        pytest.param(
            "2014-03-03T06:00", Limit(3, Unit.HOURS, Measure.WORKING), "2014-03-03T12:00", id="ends when the span ends, not at the next"
        ),
    ],
)
def test_golden_vectors(start: str, limit: Limit, expected: str) -> None:
    result = due(china(start), limit, announced_calendar(), HOURS)
    assert (result.at.astimezone(CHINA), result.provisional) == (china(expected), False)


def test_a_year_not_announced_makes_the_deadline_provisional() -> None:
    year = max(announced_calendar().years) + 1
    start = datetime(year, 6, 3, 10, tzinfo=CHINA)
    assert due(start, WORKING_HOURS_8, announced_calendar(), HOURS).provisional
    assert due(start, WORKING_DAYS_3, announced_calendar(), HOURS).provisional
    assert not due(start, Limit(3, Unit.DAYS, Measure.CALENDAR), announced_calendar(), HOURS).provisional


def test_a_deadline_that_crosses_into_an_unannounced_year_is_provisional() -> None:
    start = datetime(max(announced_calendar().years), 12, 31, 17, tzinfo=CHINA)
    assert due(start, WORKING_HOURS_8, announced_calendar(), HOURS).provisional


def test_both_calendars_agree_on_every_day_from_2010_to_2026() -> None:
    holidays = pytest.importorskip("holidays")
    china_days = holidays.country_holidays("CN", years=range(2010, 2027))
    calendar, day = announced_calendar(), date(2010, 1, 1)
    differences = []
    while day < date(2027, 1, 1):
        if calendar.is_workday(day) != china_days.is_working_day(day):
            differences.append(day)
        day += timedelta(days=1)
    assert set(range(2010, 2027)) <= calendar.years
    assert differences == []


def test_explain_names_the_days_and_what_each_used() -> None:
    uses = explain(china("2014-01-24T16:00"), WORKING_HOURS_8, announced_calendar(), HOURS)
    assert [(use.day.isoformat(), use.worked, use.used) for use in uses] == [
        ("2014-01-24", True, timedelta(hours=2)),
        ("2014-01-25", False, timedelta()),
        ("2014-01-26", True, timedelta(hours=6)),
    ]


@pytest.mark.parametrize("spans", [(), (Span(time(9), time(12)), Span(time(11), time(18)))])
def test_office_hours_refuse_no_spans_and_overlap(spans: tuple[Span, ...]) -> None:
    with pytest.raises(ValueError, match="span"):
        OfficeHours(spans)


@pytest.mark.parametrize("amount", [0, -1, 10_000])
def test_a_limit_is_bounded(amount: int) -> None:
    with pytest.raises(ValueError, match="a limit is 1 to"):
        Limit(amount, Unit.HOURS, Measure.WORKING)


instants = st.datetimes(datetime(2009, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
days = st.dates(date(2009, 1, 1), date(2031, 1, 1))
calendars = st.builds(
    Calendar.of, st.just("made up"), st.frozensets(st.integers(2009, 2031)), st.dictionaries(days, st.booleans(), max_size=60)
)
minutes = st.lists(st.integers(0, 1439), min_size=2, max_size=8, unique=True).filter(lambda found: len(found) % 2 == 0).map(sorted)


def _hours(found: list[int]) -> OfficeHours:
    clock = [time(minute // 60, minute % 60) for minute in found]
    return OfficeHours(tuple(Span(begin, end) for begin, end in zip(clock[::2], clock[1::2], strict=True)))


offices = minutes.map(_hours)
units, measures = st.sampled_from(Unit), st.sampled_from(Measure)


@given(instants, st.integers(1, 20), st.integers(1, 20), units, measures, calendars, offices)
def test_a_limit_in_two_parts_ends_when_the_whole_does(
    start: datetime, first: int, second: int, unit: Unit, measure: Measure, calendar: Calendar, office: OfficeHours
) -> None:
    half = due(start, Limit(first, unit, measure), calendar, office)
    both = due(half.at, Limit(second, unit, measure), calendar, office)
    assert both.at == due(start, Limit(first + second, unit, measure), calendar, office).at


@given(instants, st.integers(1, 40), calendars, offices)
def test_exactly_the_working_hours_lie_between_start_and_deadline(
    start: datetime, amount: int, calendar: Calendar, office: OfficeHours
) -> None:
    result = due(start, Limit(amount, Unit.HOURS, Measure.WORKING), calendar, office)
    assert working_time(start, result.at, calendar, office) == timedelta(hours=amount)
    assert calendar.is_workday(result.at.astimezone(CHINA).date())


@given(instants, st.timedeltas(timedelta(), timedelta(days=20)), st.integers(1, 20), units, measures, calendars, offices)
def test_a_later_start_is_never_due_earlier(
    start: datetime, later: timedelta, amount: int, unit: Unit, measure: Measure, calendar: Calendar, office: OfficeHours
) -> None:
    limit = Limit(amount, unit, measure)
    first, second = due(start, limit, calendar, office), due(start + later, limit, calendar, office)
    assert start < first.at <= second.at


@given(instants, st.integers(1, 20), units, calendars, offices)
def test_provisional_exactly_when_a_day_looked_at_is_not_announced(
    start: datetime, amount: int, unit: Unit, calendar: Calendar, office: OfficeHours
) -> None:
    limit = Limit(amount, unit, Measure.WORKING)
    unannounced = [use for use in explain(start, limit, calendar, office) if use.day.year not in calendar.years]
    assert due(start, limit, calendar, office).provisional == bool(unannounced)
