"""A call that came back: read again by who placed it, for a while, and handed on past the units that had it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Code, Decision, Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.back import KEPT_FOR, is_back, kept_until, left_to_try, may_read, visited_again
from twelve333.core.routing.handoff import Handoff, bring_back, complete, connect, expire, fail, give_up, offer_to, take
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import HOPS_MAX, Call, State
from twelve333.core.routing.rules import decide
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

NOW = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
HERE, FUZHOU, XIAMEN, FUJIAN = "360400", "350100", "350200", "350000"
SNAPSHOT = a_snapshot(
    [a_unit(FUZHOU), a_unit(XIAMEN), a_unit(FUJIAN)],
    [a_declaration(FUZHOU, fallbacks=(XIAMEN,)), a_declaration(XIAMEN), a_declaration(FUJIAN)],
)


def kept(outcome: Decision[Handoff] | Refusal) -> Handoff:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


def accepted(visited: tuple[str, ...] = (HERE,), refusing: int = 0) -> Handoff:
    """A call that a unit took, after the first ones refused it."""
    route = decide(SNAPSHOT, State(), Call("h1", FUZHOU, visited=visited), NOW)
    handoff = Handoff(route.call, HERE, route=route, placed_by="desk-1")
    for number, candidate in enumerate(route.to_try[: refusing + 1]):
        handoff = kept(offer_to(handoff, candidate, NOW))
        refused = number < refusing
        handoff = kept(fail(handoff, HandoffState.REFUSED, codes.NO_SEAT_FREE, NOW) if refused else take(handoff, "tel:12333", HOLD, NOW))
    return handoff


@pytest.mark.parametrize("refusing", [0, 1, 2])
def test_left_to_try_are_those_that_could_answer_and_were_not_asked_in_the_order_of_the_decision(refusing: int) -> None:
    there = accepted(refusing=refusing)
    assert left_to_try(there) == ()  # a unit has it
    back = kept(bring_back(there, "WRONG_TOPIC", NOW))
    assert [each.unit for each in left_to_try(back)] == [FUZHOU, FUJIAN, XIAMEN][refusing + 1 :]
    assert left_to_try(replace(back, route=None)) == ()


def nobody() -> Handoff:
    """A call that the first unit did not answer, for which the time was over then."""
    route = decide(SNAPSHOT, State(), Call("h1", FUZHOU, visited=(HERE,)), NOW)
    asked = kept(offer_to(Handoff(route.call, HERE, route=route, placed_by="desk-1"), route.to_try[0], NOW))
    return kept(give_up(kept(fail(asked, HandoffState.EXPIRED, codes.ANSWER_TOO_LATE, NOW)), route.last_resort, NOW))


def test_of_a_call_that_nobody_took_in_time_those_are_left_that_were_not_asked_any_more() -> None:
    assert [each.unit for each in left_to_try(nobody())] == [FUJIAN, XIAMEN]
    assert not is_back(nobody())


def test_what_was_told_is_read_by_all_under_way_by_who_placed_it_for_ten_minutes_after_it_came_back_and_then_by_nobody() -> None:
    there = accepted()
    assert may_read(there, "desk-2", NOW) and kept_until(there) is None
    for back in (kept(bring_back(there, "NO_ANSWER", NOW)), kept(expire(there, NOW))):
        assert kept_until(back) == NOW + KEPT_FOR
        assert [may_read(back, reader, NOW) for reader in ("desk-1", "desk-2", "")] == [True, False, False]
        assert not may_read(back, "desk-1", NOW + KEPT_FOR)
    assert kept_until(kept(complete(kept(connect(there, HOLD, NOW)), NOW))) is None
    unnamed = kept(bring_back(replace(there, placed_by=""), "NO_ANSWER", NOW))
    assert kept_until(unnamed) is None and not may_read(unnamed, "", NOW)


@pytest.mark.parametrize("reason", [codes.LAST_RESORT_NOT_USED, codes.CALLBACK_MISSED])
def test_where_the_caller_is_gone_nothing_is_back_and_nothing_is_kept(reason: Code) -> None:
    back = kept(bring_back(nobody(), reason.name, NOW))
    assert kept_until(back) is None and not is_back(back)


@given(st.integers(0, HOPS_MAX - 3), st.integers(1, 2))
def test_handed_on_again_a_call_passes_who_had_it_and_who_was_asked_first_stays_who_was(before: int, times: int) -> None:
    visited = (*(f"{number}0000" for number in range(11, 11 + before)), HERE)
    first, had = visited[0], list[str]()
    for _ in range(times):
        back = kept(bring_back(accepted(visited), "WRONG_TOPIC", NOW))
        had.append(back.unit)
        again = visited_again(back, HERE)
        assert isinstance(again, tuple)
        assert (again[0], again[-1]) == (first, HERE) and set(had) < set(again)
        units = [each.unit for each in decide(SNAPSHOT, State(), replace(back.call, visited=again), NOW).to_try]
        assert not set(had) & set(units)
        visited = again


def test_only_what_came_back_to_a_unit_is_handed_on_again_and_by_that_unit() -> None:
    there = accepted()
    back = kept(bring_back(there, "WRONG_TOPIC", NOW))
    for handoff, unit in ((there, HERE), (back, FUZHOU)):
        refusal = visited_again(handoff, unit)
        assert isinstance(refusal, Refusal) and refusal.code is codes.NOT_BACK
