"""How old the hub's last word may be: three levels, nothing refused; time never goes back; clocks that differ are an alarm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.registration.freshness import CLOCKS_DIFFER, FROZEN_AFTER, Confirmation, Freshness, Limits, hear, level

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
HELD = Confirmation(NOW, NOW)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (-HOUR, Freshness.FRESH),
        (24 * HOUR - timedelta(seconds=1), Freshness.FRESH),
        (24 * HOUR, Freshness.STALE),
        (72 * HOUR - timedelta(seconds=1), Freshness.STALE),
        (72 * HOUR, Freshness.OVERDUE),
        (1000 * HOUR, Freshness.OVERDUE),
    ],
)
def test_a_directory_is_fresh_for_a_day_stale_for_three_and_overdue_afterwards(age: timedelta, expected: Freshness) -> None:
    assert level(NOW, NOW + age, Limits()) is expected


def test_a_confirmation_of_now_is_kept_without_an_alarm() -> None:
    later = NOW + 5 * HOUR
    heard = hear(HELD, later, later)
    assert (heard.kept, heard.alarm) == (Confirmation(later, later), None)


def test_the_same_old_word_again_and_again_is_a_freeze() -> None:
    heard = hear(HELD, NOW, NOW + FROZEN_AFTER + timedelta(seconds=1))
    assert heard.kept == HELD
    assert heard.alarm and heard.alarm.code.name == "REGISTRATION_DIRECTORY_FROZEN"


def test_a_word_from_before_is_a_rollback_beyond_what_clocks_may_differ() -> None:
    assert hear(HELD, NOW - CLOCKS_DIFFER, NOW).alarm is None
    heard = hear(HELD, NOW - CLOCKS_DIFFER - timedelta(seconds=1), NOW)
    assert heard.kept == HELD
    assert heard.alarm and heard.alarm.code.name == "REGISTRATION_CONFIRMATION_WENT_BACK"


def test_a_word_from_the_future_is_an_alarm_not_a_refusal_and_a_clock_set_right_is_none() -> None:
    heard = hear(HELD, NOW + 9 * HOUR, NOW + HOUR)
    assert heard.alarm and heard.alarm.code.name == "REGISTRATION_CONFIRMATION_FROM_FUTURE"
    assert heard.kept == Confirmation(NOW, NOW + HOUR)  # counted from our own time, and not as the hub's
    right = hear(heard.kept, NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert right.alarm is None


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)), max_size=20))
def test_whatever_comes_time_never_goes_back_and_nothing_is_confirmed_beyond_now(steps: list[tuple[int, int]]) -> None:
    held = HELD
    for signed, ours in steps:
        now = NOW + timedelta(seconds=ours)
        kept = hear(held, NOW + timedelta(seconds=signed), now).kept
        assert kept.signed_at >= held.signed_at
        assert kept.confirmed_at <= max(held.confirmed_at, now)
        held = kept
