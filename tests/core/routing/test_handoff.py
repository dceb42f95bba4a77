"""The life of a handoff at its origin: only the steps of the table, every step kept, a repeat is success."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.model import Candidate, Relation, Verdict
from twelve333.core.decision import Decision, Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.context import ContextItem, check_context, digest_of
from twelve333.core.routing.handoff import Handoff, bring_back, complete, connect, expire, fail, give_up, offer_to, take
from twelve333.core.routing.machine import HOLDS_SEAT, STEPS, HandoffState
from twelve333.core.routing.messages import told
from twelve333.core.routing.model import Call, LastResort, LastResortKind

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
HOLD = timedelta(seconds=30)
FUZHOU = Candidate("350100", "350000", Relation.OWNER, Verdict.CHOSEN)
FUJIAN = Candidate("350000", "350000", Relation.PARENT, Verdict.ELIGIBLE)
NEW = Handoff(Call("h1", "350100"), "360400")


def kept(outcome: Decision[Handoff] | Refusal) -> Handoff:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


def accepted_handoff() -> Handoff:
    return kept(take(kept(offer_to(NEW, FUZHOU, NOW)), "sip:1@a", HOLD, NOW))


def test_a_call_is_offered_accepted_connected_completed() -> None:
    handoff = kept(complete(kept(connect(accepted_handoff(), HOLD, NOW)), NOW))
    assert [step.state.value for step in handoff.steps] == ["offered", "accepted", "connected", "completed"]
    assert [step.number for step in handoff.steps] == [1, 2, 3, 4]
    assert {step.unit for step in handoff.steps} == {"350100"}


def test_what_is_refused_goes_to_the_next_unit_and_then_to_the_last_resort() -> None:
    refused = kept(fail(kept(offer_to(NEW, FUZHOU, NOW)), HandoffState.REFUSED, codes.NO_SEAT_FREE, NOW))
    away = kept(fail(kept(offer_to(refused, FUJIAN, NOW)), HandoffState.UNREACHABLE, codes.PEER_UNREACHABLE, NOW))
    over = kept(give_up(away, LastResort(LastResortKind.VOICEMAIL, "350000"), NOW))
    assert [(step.state.value, step.unit, step.reason) for step in over.steps] == [
        ("offered", "350100", ""),
        ("refused", "350100", "ROUTING_NO_SEAT_FREE"),
        ("offered", "350000", ""),
        ("unreachable", "350000", "ROUTING_PEER_UNREACHABLE"),
        ("last_resort", "350000", "ROUTING_NOBODY_TOOK_IT"),
    ]
    assert over.offer_id == ""


def test_a_seat_and_a_target_are_known_only_while_they_are_held() -> None:
    handoff = accepted_handoff()
    assert (handoff.target, handoff.held_until) == ("sip:1@a", NOW + HOLD)
    back = kept(bring_back(handoff, "NO_ANSWER", NOW))
    assert (back.target, back.held_until, back.reason) == ("", None, "NO_ANSWER")
    assert kept(expire(handoff, NOW)).reason == "ROUTING_NOT_CONNECTED_IN_TIME"


def test_a_repeated_step_is_success_and_changes_nothing() -> None:
    handoff = kept(connect(accepted_handoff(), HOLD, NOW))
    again = connect(handoff, HOLD, NOW + timedelta(minutes=1))
    assert again == Decision(handoff)


def test_a_call_that_was_not_put_through_cannot_be_completed() -> None:
    outcome = complete(accepted_handoff(), NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.code is codes.HANDOFF_STEP


def test_a_reason_for_returning_is_a_code_not_a_story() -> None:
    outcome = bring_back(accepted_handoff(), "张三不在", NOW)
    assert isinstance(outcome, Refusal)
    assert outcome.code is codes.REASON_MALFORMED


MOVES = {
    "offer": lambda h: offer_to(h, FUZHOU, NOW),
    "take": lambda h: take(h, "sip:1@a", HOLD, NOW),
    "refuse": lambda h: fail(h, HandoffState.REFUSED, codes.LOOP, NOW),
    "expire": lambda h: fail(h, HandoffState.EXPIRED, codes.ANSWER_TOO_LATE, NOW),
    "unreachable": lambda h: fail(h, HandoffState.UNREACHABLE, codes.PEER_UNREACHABLE, NOW),
    "give_up": lambda h: give_up(h, LastResort(LastResortKind.CASE), NOW),
    "connect": lambda h: connect(h, HOLD, NOW),
    "complete": lambda h: complete(h, NOW),
    "return": lambda h: bring_back(h, "BUSY", NOW),
}


@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=20))
def test_whatever_is_tried_only_steps_of_the_table_happen(moves: list[str]) -> None:
    handoff = NEW
    for move in moves:
        outcome = MOVES[move](handoff)
        after = outcome.state if isinstance(outcome, Decision) else handoff
        if after.state is not handoff.state:
            assert after.state in STEPS[handoff.state]
            assert after.steps[:-1] == handoff.steps
        else:
            assert after == handoff
        assert (after.held_until is not None) == (after.state in HOLDS_SEAT)
        handoff = after


def test_every_state_is_in_the_table_and_reachable() -> None:
    assert set(STEPS) == set(HandoffState)
    assert {after for following in STEPS.values() for after in following} == set(HandoffState) - {HandoffState.NEW}


def test_only_new_steps_are_told_again() -> None:
    handoff = kept(connect(accepted_handoff(), HOLD, NOW))
    assert [step.state.value for step in told(handoff, since=2).steps] == ["connected"]
    assert told(handoff).offer_id == "h1.350100"


@pytest.mark.parametrize(
    "items",
    [
        [ContextItem("Question", "x")],
        [ContextItem("question", "x"), ContextItem("question", "y")],
        [ContextItem("question", "x" * 4_097)],
        [ContextItem(name, "x" * 4_000) for name in ("a", "b", "c")],
        [ContextItem(f"n{n}", "") for n in range(17)],
        [ContextItem("a", "\x00")],
    ],
)
def test_a_context_is_bounded(items: list[ContextItem]) -> None:
    refusal = check_context(items)
    assert refusal is not None
    assert refusal.code is codes.CONTEXT_TOO_LARGE


def test_a_context_is_known_by_its_hash() -> None:
    items = [ContextItem("question", "档案在哪里"), ContextItem("told_so_far", "")]
    assert check_context(items) is None
    assert digest_of(items) != digest_of(items[::-1])
    assert digest_of([]) == b""
