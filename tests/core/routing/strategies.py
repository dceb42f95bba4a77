"""Random directories, states and calls: few codes, so that areas, parents and agreements collide often."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from twelve333.core.coverage.model import DateHours, DayHours, Declaration, Hours, Span
from twelve333.core.ids import is_within
from twelve333.core.registration.model import Unit, UnitStatus
from twelve333.core.routing.model import Call, State
from twelve333.testing.directory import a_declaration, a_unit

CODES = ["350000", "350100", "350200", "350182", "360000", "360400", "310000"]
REGIONS = [*CODES, "350102", "350203", "350900", "360402", "110000"]
NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)

times = st.integers(-3 * 1440, 3 * 1440).map(lambda minutes: NOW + timedelta(minutes=minutes))


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    edges = sorted(draw(st.sets(st.integers(0, 1440), min_size=2, max_size=6)))
    return tuple(Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=False))


@st.composite
def hours(draw: st.DrawFn) -> Hours:
    if draw(st.booleans()):
        return Hours(always=True)
    days = draw(st.sets(st.integers(1, 7), max_size=7))
    dates = draw(st.sets(st.integers(21, 27), max_size=3))
    weekly = tuple(DayHours(day, draw(spans())) for day in sorted(days))
    exceptions = tuple(DateHours(date(2014, 1, day), draw(st.one_of(st.just(()), spans()))) for day in sorted(dates))
    return Hours(False, weekly, exceptions)


@st.composite
def declarations(draw: st.DrawFn, code: str) -> Declaration:
    inside = [region for region in REGIONS if is_within(region, code)]
    return a_declaration(
        code,
        areas=tuple(draw(st.lists(st.sampled_from(inside), min_size=1, max_size=3, unique=True))),
        topics=draw(st.sampled_from([("*",), ("01",), ("01", "02"), ("0102",)])),
        languages=draw(st.sampled_from([("zh",), ("ug",), ("zh", "ug")])),
        hours=draw(hours()),
        seats=draw(st.integers(0, 3)),
        fallbacks=tuple(draw(st.lists(st.sampled_from([other for other in CODES if other != code]), max_size=3, unique=True))),
        voicemail=draw(st.booleans()),
    )


@st.composite
def directories(draw: st.DrawFn) -> tuple[list[Unit], list[Declaration], set[str]]:
    codes = draw(st.lists(st.sampled_from(CODES), min_size=1, unique=True))
    status = st.sampled_from([UnitStatus.OPEN] * 4 + list(UnitStatus))
    units = [a_unit(code, status=draw(status)) for code in codes]
    declared = [draw(declarations(code)) for code in codes if draw(st.integers(0, 5))]
    return units, declared, draw(st.sets(st.sampled_from(["350000", "360000", "310000"]), min_size=1))


calls = st.builds(
    Call,
    id=st.just("call-1"),
    region=st.sampled_from(REGIONS),
    topic=st.sampled_from(["", "01", "0102", "02", "03"]),
    language=st.sampled_from(["zh", "ug", "zh-Hant"]),
    visited=st.lists(st.sampled_from(CODES), max_size=5, unique=True).map(tuple),
)
states = st.builds(
    State,
    unreachable=st.dictionaries(st.sampled_from(["350000", "360000", "310000"]), times, max_size=2),
    refused=st.dictionaries(st.sampled_from(CODES), times, max_size=3),
)
