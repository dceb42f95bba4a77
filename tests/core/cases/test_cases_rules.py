"""Who may do what with a case; the failures of the nearest relative (health offices handing cases over) are named tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.cases.builders import (
    CLOCKS,
    FUZHOU,
    MEMBER_OF,
    NANJING,
    SHANGHAI,
    START,
    SUZHOU,
    Desk,
    answered,
    closed,
    moved,
    offered,
    opening,
    refusal_of,
    signature,
)

from twelve333.core.cases.machine import ACTORS, STEPS, Early, apply
from twelve333.core.cases.messages import (
    AcceptCase,
    AnswerCase,
    CaseOpened,
    CloseCase,
    Command,
    RefuseCase,
    TellCaller,
    TransferCase,
    TransferOffered,
)
from twelve333.core.cases.model import OFFERS_MAX, Case, Party, State, caller_is_overdue, owner_is_overdue
from twelve333.core.cases.rules import Facts, decide, destinations
from twelve333.core.decision import Decision, Refusal


def test_the_whole_life_of_unpaid_wages_from_nanjing_to_shanghai() -> None:
    desk = closed()
    assert desk.case
    assert desk.case.state is State.CLOSED
    assert desk.case.first_asked == Party(NANJING, "320000")
    assert desk.case.owner == Party(SHANGHAI, "310000")
    assert [type(step).__name__ for step in desk.case.history] == [
        "CaseOpened", "TransferOffered", "TransferAccepted", "CaseAnswered", "CallerTold", "CaseClosed",
    ]  # fmt: skip
    assert [step.stamp.version for step in desk.case.history] == [1, 2, 3, 4, 5, 6]


def test_every_step_is_signed_with_who_and_unit_and_when() -> None:
    desk = closed()
    assert desk.case
    assert [step.stamp.by.unit for step in desk.case.history] == [NANJING, NANJING, SHANGHAI, SHANGHAI, NANJING, NANJING]
    assert all(step.stamp.signed_by for step in desk.case.history)
    times = [step.stamp.at for step in desk.case.history]
    assert times == sorted(set(times))


def test_an_offer_moves_nothing_until_it_is_accepted() -> None:
    case = offered().case
    assert case
    assert (case.owner.unit, case.owner_epoch, case.state) == (NANJING, 1, State.OFFERED)
    accepted = moved().case
    assert accepted
    assert (accepted.owner.unit, accepted.owner_epoch, accepted.pending) == (SHANGHAI, 2, None)


def test_no_second_offer_while_one_is_pending() -> None:
    assert offered().refused(TransferCase(signature(NANJING, "again"), FUZHOU)) == "CASES_OFFER_PENDING"


def test_the_owner_does_not_answer_past_a_pending_offer() -> None:
    assert offered().refused(AnswerCase(signature(NANJING, "a"), "never mind")) == "CASES_OFFER_PENDING"


def test_a_stale_browser_tab_is_refused() -> None:
    desk = moved()
    assert desk.refused(AnswerCase(signature(NANJING, "a", 1), "from an old tab")) == "CASES_EPOCH_STALE"


def test_the_former_owner_cannot_edit_any_more() -> None:
    desk = moved()
    assert desk.refused(AnswerCase(signature(NANJING, "a", 2), "mine")) == "CASES_NOT_OWNER"
    assert desk.refused(TransferCase(signature(NANJING, "b", 2), FUZHOU)) == "CASES_NOT_OWNER"


def test_only_the_unit_it_was_offered_to_decides_the_offer() -> None:
    desk = offered()
    assert desk.refused(AcceptCase(signature(FUZHOU, "x"))) == "CASES_NOT_OFFERED_TO_YOU"
    assert desk.refused(refusal_of(NANJING)) == "CASES_NOT_OFFERED_TO_YOU"


def test_a_refusal_needs_a_reason_and_gives_the_case_back() -> None:
    desk = offered()
    assert desk.refused(refusal_of(reason="  ")) == "CASES_REASON_MISSING"
    case = desk.done(refusal_of())
    assert (case.state, case.owner.unit, case.owner_epoch, case.pending) == (State.OPEN, NANJING, 1, None)


def test_a_refusal_after_an_acceptance_leaves_it_with_the_last_owner() -> None:
    desk = moved()
    desk.done(TransferCase(signature(SHANGHAI, "s3", 2), FUZHOU))
    case = desk.done(RefuseCase(signature(FUZHOU, "s4", 2), "not registered here"))
    assert (case.state, case.owner.unit, case.owner_epoch) == (State.ACCEPTED, SHANGHAI, 2)


def test_the_sender_is_told_of_a_refusal() -> None:
    before = offered().case
    desk = offered()
    after = desk.done(refusal_of())
    assert destinations(before, after, "310000") == {"hub", "320000"}


def test_a_case_closes_only_after_the_first_asked_told_the_caller() -> None:
    desk = answered()
    assert desk.refused(CloseCase(signature(NANJING, "c", 2))) == "CASES_CALLER_NOT_TOLD"
    assert desk.refused(TellCaller(signature(SHANGHAI, "t", 2))) == "CASES_NOT_FIRST_ASKED"
    desk.done(TellCaller(signature(NANJING, "t", 2)))
    assert desk.refused(CloseCase(signature(SHANGHAI, "c", 2))) == "CASES_NOT_FIRST_ASKED"
    assert desk.done(CloseCase(signature(NANJING, "c", 2))).state is State.CLOSED


def test_nothing_happens_to_a_closed_case() -> None:
    assert {codes_of.name for codes_of in STEPS[State.CLOSED].values() if not isinstance(codes_of, State)} == {"CASES_CLOSED"}
    assert closed().refused(TransferCase(signature(SHANGHAI, "x", 2), NANJING)) == "CASES_CLOSED"


def test_the_table_answers_for_every_state_and_step() -> None:
    assert set(STEPS) == set(State)
    assert all(set(row) == set(ACTORS) for row in STEPS.values())


def test_an_opening_may_be_repeated_but_not_changed() -> None:
    desk = Desk()
    first = desk.done(opening())
    assert desk.ask(opening()) == Decision(first)
    assert desk.refused(opening(summary="something else")) == "CASES_ID_TAKEN"


def test_a_retried_step_succeeds_and_changes_nothing_even_after_the_epoch_moved() -> None:
    desk = moved()
    assert desk.ask(AcceptCase(signature(SHANGHAI, "s2", 1))) == Decision(desk.case)
    assert desk.refused(AcceptCase(signature(SHANGHAI, "s1", 1))) == "CASES_STEP_ID_TAKEN"


def test_a_transfer_goes_to_a_known_unit_other_than_the_owner() -> None:
    desk = Desk()
    desk.done(opening())
    assert desk.refused(TransferCase(signature(NANJING, "x"), "990000")) == "CASES_TO_UNKNOWN"
    assert desk.refused(TransferCase(signature(NANJING, "x"), NANJING)) == "CASES_TO_OWNER"
    assert desk.done(TransferCase(signature(NANJING, "x"), SUZHOU)).pending is not None


def test_a_member_decides_only_for_its_own_units() -> None:
    outcome = decide(Facts(None, "310000", MEMBER_OF, CLOCKS), opening(), START)
    assert isinstance(outcome, Refusal)
    assert outcome.code.name == "CASES_UNIT_NOT_YOURS"


def test_a_case_that_is_kicked_around_is_stopped() -> None:
    desk = Desk()
    desk.done(opening())
    for number in range(OFFERS_MAX):
        desk.done(TransferCase(signature(NANJING, f"o{number}"), SHANGHAI))
        desk.done(refusal_of(step_id=f"r{number}"))
    assert desk.refused(TransferCase(signature(NANJING, "one-more"), SHANGHAI)) == "CASES_MOVED_TOO_OFTEN"
    assert desk.done(AnswerCase(signature(NANJING, "a"), "settled by ourselves")).state is State.ANSWERED


def test_the_callers_clock_never_restarts_and_the_owners_does_at_a_move() -> None:
    opened, case = Desk().done(opening()), moved().case
    assert case
    assert opened.caller_due.at == case.caller_due.at == opened.opened_at + timedelta(days=3)
    assert opened.owner_due.at == opened.opened_at + timedelta(hours=24), "an office day has 8 hours"
    assert case.owner_due.at - opened.owner_due.at == timedelta(minutes=2), "eight whole hours from the acceptance on"


def test_clocks_stop_when_their_promise_is_kept() -> None:
    case, later = answered().case, START + timedelta(days=30)
    assert case
    assert caller_is_overdue(case, later)
    assert not owner_is_overdue(case, later)
    told = replace(case, state=State.TOLD)
    assert not caller_is_overdue(told, later)


def test_free_text_never_shows_in_a_repr() -> None:
    desk = closed()
    assert "wages" not in repr(desk.case)
    assert "Friday" not in repr(desk.events)
    assert "wages" not in repr(opening())


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (opening(summary=" "), "CASES_TEXT_MISSING"),
        (opening(summary="x" * 4001), "CASES_TEXT_TOO_LONG"),
        (replace(opening(), region="31"), "COMMON_UNIT_CODE_MALFORMED"),
        (replace(opening(), case_id="no good"), "COMMON_ID_MALFORMED"),
    ],
)
def test_a_malformed_opening_is_refused(command: object, code: str) -> None:
    assert Desk().refused(command) == code  # type: ignore[arg-type]


def test_an_event_out_of_turn_is_the_peers_fault_and_changes_nothing() -> None:
    case = offered().case
    assert case
    theft = TransferOffered(replace(case.history[-1].stamp, step_id="steal", version=3), Party(FUZHOU, "350000"))
    outcome = apply(case, theft)
    assert isinstance(outcome, Refusal)
    assert (outcome.code.name, outcome.params["because"]) == ("CASES_OUT_OF_TURN", "CASES_OFFER_PENDING")


def test_a_second_step_in_the_same_place_is_a_fork() -> None:
    case = moved().case
    assert case
    outcome = apply(case, replace(case.history[1], to=Party(FUZHOU, "350000")))
    assert isinstance(outcome, Refusal)
    assert outcome.code.name == "CASES_FORKED"


def test_a_step_before_its_predecessor_is_early_and_a_known_one_succeeds() -> None:
    case = moved().case
    assert case
    assert apply(None, case.history[2]) == Early(2)
    assert apply(case, case.history[0]) == Decision(case)


def test_a_history_begins_with_an_opening() -> None:
    case = moved().case
    assert case
    assert isinstance(case.history[0], CaseOpened)
    outcome = apply(None, replace(case.history[1], stamp=replace(case.history[1].stamp, version=1)))
    assert isinstance(outcome, Refusal)
    assert outcome.code.name == "CASES_OUT_OF_TURN"


def test_an_open_case_goes_on_where_it_is_after_its_unit_moved_and_can_be_handed_to_the_unit_s_new_node() -> None:
    desk = Desk()
    case = desk.done(opening())
    moved = {**MEMBER_OF, NANJING: NANJING}

    def at(member: str, command: Command, known: Case) -> Decision[Case] | Refusal:
        return decide(Facts(known, member, moved, CLOCKS), command, START + timedelta(hours=1))

    answered = at("320000", AnswerCase(signature(NANJING, "a"), "paid"), case)
    assert isinstance(answered, Decision)
    early = at(NANJING, AnswerCase(signature(NANJING, "b"), "paid"), case)
    assert isinstance(early, Refusal), "the new node has nothing to do with it yet"
    offered = at("320000", TransferCase(signature(NANJING, "t"), NANJING), case)
    assert isinstance(offered, Decision) and offered.state.pending is not None and offered.state.pending.to.member == NANJING
    accepted = at(NANJING, AcceptCase(signature(NANJING, "c")), offered.state)
    assert isinstance(accepted, Decision) and accepted.state.owner.member == NANJING
    assert accepted.state.first_asked == Party(NANJING, NANJING), "the unit asked first tells the caller, at its new node"
    assert accepted.state.owner_due == case.owner_due, "a move gives nobody more time"
    assert isinstance(decide(Facts(None, "320000", moved, CLOCKS), opening("c2"), START), Refusal), "new ones open at the new node"
