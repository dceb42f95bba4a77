"""A change that is dated ahead holds from 00:00 of its day in Chinese official time, and not a moment earlier."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.dated import begins_at, in_force, next_change
from twelve333.core.coverage.hours import NO_CALENDAR
from twelve333.testing.directory import a_declaration, a_unit
from twelve333.wire.declarations import declaration_to_wire
from twelve333.wire.directory import indexed
from twelve333.wire.registration import unit_to_wire

DAY = date(2027, 1, 1)
MIDNIGHT = datetime(2026, 12, 31, 16, tzinfo=UTC)  # in Beijing the first of January begins
NOW = {"350100": a_declaration("350100", seats=1)}
days = st.lists(st.integers(0, 9), unique=True, max_size=4)


def test_a_day_begins_at_midnight_in_beijing() -> None:
    ahead = [a_declaration("350100", seats=2, in_force_from=DAY)]
    assert begins_at(DAY) == MIDNIGHT == next_change(ahead, MIDNIGHT - timedelta(microseconds=1))
    assert in_force(NOW, ahead, MIDNIGHT - timedelta(microseconds=1)) == NOW
    assert in_force(NOW, ahead, MIDNIGHT)["350100"].seats == 2 and next_change(ahead, MIDNIGHT) is None


@given(days, st.integers(-1, 10))
def test_of_several_changes_the_one_whose_day_came_last_holds(offsets: list[int], today: int) -> None:
    ahead = [a_declaration("350100", seats=100 + each, in_force_from=DAY + timedelta(days=each)) for each in offsets]
    at = MIDNIGHT + timedelta(days=today, hours=12)
    begun = [each for each in offsets if each <= today]
    assert in_force(NOW, ahead, at)["350100"].seats == (100 + max(begun) if begun else 1)
    later = [each for each in offsets if each > today]
    assert next_change(ahead, at) == (MIDNIGHT + timedelta(days=min(later)) if later else None)


@given(days, st.integers(-1, 10), st.integers(-1, 10))
def test_a_directory_made_ready_for_one_time_says_for_which_others_it_holds(offsets: list[int], one: int, other: int) -> None:
    ahead = [declaration_to_wire(a_declaration("350100", seats=100 + each, in_force_from=DAY + timedelta(days=each))) for each in offsets]
    directory = registration_pb2.Directory(
        version=1, units=[unit_to_wire(a_unit("350100"))], declarations=map(declaration_to_wire, NOW.values()), upcoming=ahead
    )
    first, second = (MIDNIGHT + timedelta(days=each, hours=12) for each in (one, other))
    ready, then = indexed(directory, NO_CALENDAR, first), indexed(directory, NO_CALENDAR, second)
    assert ready.holds(first)
    assert ready.holds(second) is (ready.snapshot.declarations == then.snapshot.declarations)
