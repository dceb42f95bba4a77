"""A unit without a sign of life for seven days does not count as open, and does again once it is heard; counted over virtual time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.model import Verdict
from twelve333.core.coverage.report import report
from twelve333.core.coverage.rules import who_answers
from twelve333.core.registration.model import UnitStatus
from twelve333.core.registration.silence import LISTENS_FIRST, NOTED_EVERY, changed_by_silence, signs_to_tell
from twelve333.testing.directory import a_snapshot, a_unit

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
LONG_AGO, WEEK = NOW - timedelta(days=99), timedelta(days=7)
FUZHOU = a_unit("350100")


@given(st.integers(0, 14 * 24 * 60), st.sampled_from(UnitStatus), st.booleans())
def test_a_unit_is_silent_exactly_from_seven_days_after_its_last_sign_as_long_as_it_is_open(
    minutes: int, status: UnitStatus, silent: bool
) -> None:
    unit = replace(FUZHOU, status=status, silent_since=LONG_AGO if silent else None)
    quiet = timedelta(minutes=minutes) >= WEEK and status is UnitStatus.OPEN
    changed = changed_by_silence([unit], {"350100": NOW - timedelta(minutes=minutes)}, LONG_AGO, 7, NOW)
    assert [it.silent_since is not None for it in changed] == ([quiet] if quiet is not silent else [])


def test_time_in_which_the_hub_did_not_listen_silences_nobody() -> None:
    signs = {"350100": NOW - 3 * WEEK}
    assert changed_by_silence([FUZHOU], signs, NOW - LISTENS_FIRST + timedelta(seconds=1), 7, NOW) == []
    assert changed_by_silence([FUZHOU], signs, NOW - LISTENS_FIRST, 7, NOW) == [replace(FUZHOU, silent_since=NOW)]
    heard = changed_by_silence([replace(FUZHOU, silent_since=NOW)], {"350100": NOW}, NOW, 7, NOW)
    assert heard == [FUZHOU], "who is heard is heard at once"


def test_a_silent_unit_is_neither_counted_as_open_nor_given_calls() -> None:
    silent = replace(FUZHOU, silent_since=NOW)
    counted = report([silent, a_unit("350000")])
    assert (counted.total.open, counted.provinces[0].not_open, counted.provinces[0].silent) == (1, ("350100",), ("350100",))
    answer = who_answers(a_snapshot([silent, a_unit("350000")]), "350100", "", "zh", NOW)
    assert (answer.unit, answer.candidates[0].verdict) == ("350000", Verdict.SILENT)


def test_a_node_tells_a_sign_once_an_hour_and_at_once_for_a_unit_that_is_taken_for_silent() -> None:
    told = {"350100": NOW}
    for later, silent, tells in ((30, False, False), (60, False, True), (1, True, True), (0, True, False)):
        heard = {"350100": NOW + timedelta(minutes=later)}
        assert bool(signs_to_tell(heard, told, frozenset(heard if silent else ()))) is tells
    assert signs_to_tell({"350200": NOW}, told, frozenset()) == {"350200": NOW}
    assert timedelta(hours=1) == NOTED_EVERY
