"""Whose a call is at the unit that accepted it, and how it ends there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Decision, Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.desk import end_call, take_call
from twelve333.core.routing.machine import HOLDS_SEAT, STEPS, HandoffState
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Lease, Offer

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
OFFER = Offer("h1.350100", Call("h1", "350100"), "360400", "360000", "350100", NOW)
RINGING = Lease(OFFER, HandoffState.ACCEPTED, "sip:1@a", NOW, NOW + HOLD)
TALKING = replace(RINGING, state=HandoffState.CONNECTED, taken_by="desk-1")


def kept(outcome: Decision[Lease] | Refusal) -> Lease:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


@given(st.lists(st.sampled_from(["desk-1", "desk-2", "desk-3"]), min_size=1, max_size=8))
def test_of_all_desktops_that_ask_the_first_one_has_the_call(asking: list[str]) -> None:
    lease, answers = RINGING, []
    for holder in asking:
        outcome = take_call(lease, holder, NOW)
        answers.append(isinstance(outcome, Decision))
        lease = outcome.state if isinstance(outcome, Decision) else lease
    assert lease.taken_by == asking[0]
    assert answers == [holder == asking[0] for holder in asking]


def test_a_call_whose_seat_is_not_held_any_more_cannot_be_taken() -> None:
    outcome = take_call(RINGING, "desk-1", NOW + HOLD)
    assert isinstance(outcome, Refusal) and outcome.code is codes.OFFER_EXPIRED


def test_a_call_that_is_given_back_frees_its_seat_at_once_and_a_repeat_changes_nothing() -> None:
    back = kept(end_call(RINGING, "desk-2", HandoffState.RETURNED, "WRONG_TOPIC", NOW))
    assert (back.state, back.is_held(NOW)) == (HandoffState.RETURNED, False)
    assert kept(end_call(back, "desk-2", HandoffState.RETURNED, "WRONG_TOPIC", NOW)) == back


def test_only_who_took_a_call_ends_it_or_an_operator() -> None:
    other = end_call(TALKING, "desk-2", HandoffState.COMPLETED, "", NOW)
    assert isinstance(other, Refusal) and other.code is codes.CALL_TAKEN
    assert kept(end_call(TALKING, "", HandoffState.COMPLETED, "", NOW)).state is HandoffState.COMPLETED


def test_a_story_is_no_reason() -> None:
    outcome = end_call(RINGING, "desk-1", HandoffState.RETURNED, "张三不在", NOW)
    assert isinstance(outcome, Refusal) and outcome.code is codes.REASON_MALFORMED


@pytest.mark.parametrize("to", [HandoffState.COMPLETED, HandoffState.RETURNED])
@pytest.mark.parametrize("state", sorted(HOLDS_SEAT | {HandoffState.EXPIRED}))
def test_a_call_ends_only_as_the_table_allows(state: HandoffState, to: HandoffState) -> None:
    outcome = end_call(replace(RINGING, state=state), "desk-1", to, "BUSY", NOW)
    assert isinstance(outcome, Decision) is (to in STEPS[state])
