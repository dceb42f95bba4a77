"""What a node observed of others lasts for the time it was given, also when the node's clock is set back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from province_node.directory import DirectoryReplica
from province_node.routing_view import ASKED_WITHIN, BREAK_FIRST, REFUSED_MOST, RoutingView

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def view() -> RoutingView:
    return RoutingView(DirectoryReplica(b""), "320000")


def test_a_member_that_missed_is_left_alone_for_its_time() -> None:
    seen = view()
    seen.missed("310000", NOW)
    assert seen.is_left_alone("310000", NOW)
    assert not seen.may_be_asked("310000", NOW)
    assert seen.may_be_asked("310000", NOW + BREAK_FIRST), "beside the calls"
    assert seen.is_left_alone("310000", NOW + BREAK_FIRST), "so that no caller waits for it in vain"
    assert not seen.is_left_alone("310000", NOW + BREAK_FIRST + ASKED_WITHIN)


def test_a_clock_that_is_set_back_leaves_nobody_alone_for_longer() -> None:
    seen = view()
    seen.missed("310000", NOW)
    seen.refused("310100", REFUSED_MOST, NOW)
    assert seen.observed(NOW).refused and seen.observed(NOW).unreachable
    assert not seen.is_left_alone("310000", NOW - HOUR)
    assert not seen.observed(NOW - HOUR).refused
