"""Which steps a unit may take in its life, with which proofs, and whose approval they wait for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Decision, Refusal
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.life import USUAL_POLICY, Approval, Evidence, LifePolicy, Proof, Side, Stage, StageRule, Step, StepState
from twelve333.core.registration.life_rules import approve, ask, reached, side_of
from twelve333.core.registration.machine import STEPS
from twelve333.core.registration.model import Unit, UnitStatus
from twelve333.testing.directory import a_unit

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
FUZHOU, PROVINCE = "350100", "350000"
ALL = [Evidence(proof, True, NOW - timedelta(days=1), PROVINCE) for proof in Proof]
NOTHING = LifePolicy(())


def a_step(stage: Stage) -> Step:
    return Step(FUZHOU, stage, PROVINCE, NOW)


def asked(
    status: UnitStatus,
    stage: Stage,
    caller: str = PROVINCE,
    evidence: list[Evidence] = ALL,
    policy: LifePolicy = USUAL_POLICY,
    pending: Step | None = None,
) -> Decision[Step] | Refusal:
    return ask(a_unit(FUZHOU, status=status, with_system=False), caller, a_step(stage), pending, evidence, policy)


def yes(step: Step, side: Side, evidence: list[Evidence] = ALL, now: datetime = NOW) -> Decision[Step] | Refusal:
    return approve(step, a_unit(FUZHOU, status=UnitStatus.VERIFIED), Approval(side, "wang", now), evidence, USUAL_POLICY)


def step_of(outcome: Decision[Step] | Refusal) -> Step:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


def test_a_unit_opens_once_its_province_and_then_the_ministry_have_approved() -> None:
    pending = step_of(asked(UnitStatus.VERIFIED, Stage.OPEN))
    assert (pending.state, pending.waits_for) == (StepState.PENDING, Side.PROVINCE)
    too_early = yes(pending, Side.MINISTRY)
    assert isinstance(too_early, Refusal) and too_early.code is codes.APPROVAL_TURN
    half = step_of(yes(pending, Side.PROVINCE))
    assert (half.state, half.waits_for) == (StepState.PENDING, Side.MINISTRY)
    assert yes(half, Side.PROVINCE) == Decision(half), "said twice"
    taken = step_of(yes(half, Side.MINISTRY))
    assert taken.state is StepState.TAKEN and [each.side for each in taken.approvals] == list(Side)


def test_an_approval_that_the_policy_does_not_ask_for_is_automatic_and_says_so() -> None:
    alone = LifePolicy((StageRule(Stage.OPEN, (), (Side.MINISTRY,)),))
    pending = step_of(asked(UnitStatus.VERIFIED, Stage.OPEN, policy=alone))
    assert (pending.waits_for, [each.by for each in pending.approvals]) == (Side.MINISTRY, ["policy"])
    assert step_of(asked(UnitStatus.VERIFIED, Stage.OPEN, policy=NOTHING)).state is StepState.TAKEN


def test_a_no_needs_a_reason_and_leaves_the_unit_free_to_ask_again() -> None:
    pending, unit = step_of(asked(UnitStatus.VERIFIED, Stage.OPEN)), a_unit(FUZHOU, status=UnitStatus.VERIFIED)
    no = Approval(Side.PROVINCE, "wang", NOW, approved=False)
    silent = approve(pending, unit, no, ALL, USUAL_POLICY)
    assert isinstance(silent, Refusal) and silent.code is codes.REASON_MISSING
    rejected = step_of(
        approve(pending, unit, Approval(Side.PROVINCE, "wang", NOW, approved=False, reason="no staff yet"), ALL, USUAL_POLICY)
    )
    assert (rejected.state, rejected.waits_for) == (StepState.REJECTED, None)
    assert step_of(asked(UnitStatus.VERIFIED, Stage.OPEN)).state is StepState.PENDING


@given(st.sets(st.sampled_from(Proof)), st.sets(st.sampled_from(Proof)), st.sets(st.sampled_from(Proof)))
def test_a_step_is_refused_with_exactly_what_is_missing(wanted: set[Proof], shown: set[Proof], old: set[Proof]) -> None:
    policy = LifePolicy((StageRule(Stage.VERIFIED, tuple(sorted(wanted))),), evidence_days=30)
    evidence = [Evidence(proof, proof in shown, NOW - timedelta(days=31 if proof in old else 30), PROVINCE) for proof in shown | old]
    outcome = asked(UnitStatus.REGISTERED, Stage.VERIFIED, evidence=evidence, policy=policy)
    missing = wanted - (shown - old)
    assert isinstance(outcome, Refusal) is bool(missing)
    if isinstance(outcome, Refusal):
        assert {each.path for each in outcome.violations} == {proof.value for proof in missing}
    else:
        assert {it.proof for it in outcome.state.evidence} == wanted


def test_prompts_count_only_with_the_hash_that_the_ministry_names() -> None:
    policy = replace(USUAL_POLICY, prompts_sha256="b" * 64)
    others = [replace(it, detail="a" * 64) for it in ALL]
    refused = asked(UnitStatus.REGISTERED, Stage.VERIFIED, evidence=others, policy=policy)
    assert isinstance(refused, Refusal) and refused.params["missing"] == "prompts"
    wanted = [replace(it, detail="b" * 64) for it in ALL]
    assert step_of(asked(UnitStatus.REGISTERED, Stage.VERIFIED, evidence=wanted, policy=policy)).state is StepState.TAKEN


def test_proofs_that_grew_old_while_a_step_waited_do_not_open_a_unit() -> None:
    pending = step_of(asked(UnitStatus.VERIFIED, Stage.OPEN))
    late = yes(step_of(yes(pending, Side.PROVINCE)), Side.MINISTRY, now=NOW + timedelta(days=40))
    assert isinstance(late, Refusal) and late.code is codes.EVIDENCE_MISSING


def test_suspending_closing_and_resuming_need_nobody_and_end_what_was_pending() -> None:
    pending = step_of(asked(UnitStatus.VERIFIED, Stage.OPEN))
    for status, stage in ((UnitStatus.OPEN, Stage.SUSPENDED), (UnitStatus.VERIFIED, Stage.CLOSED), (UnitStatus.SUSPENDED, Stage.OPEN)):
        assert (
            step_of(asked(status, stage, evidence=[], pending=pending if status is UnitStatus.VERIFIED else None)).state is StepState.TAKEN
        )
    other = asked(UnitStatus.OPEN, Stage.WITH_SYSTEM, pending=replace(pending, stage=Stage.WITHOUT_SYSTEM))
    assert isinstance(other, Refusal) and other.code is codes.STEP_PENDING


def test_a_consulting_system_is_counted_apart_from_being_open() -> None:
    unit = a_unit(FUZHOU, with_system=False)
    assert reached(unit, Stage.WITH_SYSTEM) == replace(unit, with_system=True)
    refused = asked(UnitStatus.VERIFIED, Stage.WITH_SYSTEM, policy=NOTHING)
    assert isinstance(refused, Refusal) and refused.code is codes.STATUS_STEP


def test_a_province_approves_for_its_own_units_and_a_city_not_for_itself() -> None:
    assert (side_of(HUB, FUZHOU), side_of(PROVINCE, FUZHOU)) == (Side.MINISTRY, Side.PROVINCE)
    for caller in ("320000", "350100"):
        assert isinstance(side_of(caller, FUZHOU), Refusal)


def test_a_closed_unit_stays_closed() -> None:
    assert not [step for step in STEPS if step[0] is UnitStatus.CLOSED]


@pytest.mark.parametrize("stage", [Stage(status.value) for status in UnitStatus])
@given(st.sampled_from(UnitStatus), st.sampled_from([HUB, PROVINCE, "320000"]))
def test_a_step_is_taken_only_if_the_table_has_it(stage: Stage, before: UnitStatus, caller: str) -> None:
    outcome = asked(before, stage, caller, policy=NOTHING)
    own = caller in (HUB, PROVINCE)
    after = UnitStatus(stage.value)
    allowed = own and (before is after or ("ministry" if caller == HUB else "province") in STEPS.get((before, after), frozenset()))
    assert isinstance(outcome, Decision) is allowed
    if isinstance(outcome, Decision):
        assert outcome.state.state is StepState.TAKEN
        assert reached(Unit(*(getattr(a_unit(FUZHOU), name) for name in Unit.__slots__)), stage).status is after


def test_a_unit_moves_to_a_node_of_its_own_when_that_node_asks_and_its_province_agrees() -> None:
    for caller in (HUB, PROVINCE):
        outcome = asked(UnitStatus.OPEN, Stage.OWN_NODE, caller)
        assert isinstance(outcome, Refusal) and outcome.code is codes.MOVE_ASKED_BY_OTHER
    pending = step_of(asked(UnitStatus.OPEN, Stage.OWN_NODE, FUZHOU))
    assert (pending.state, pending.waits_for) == (StepState.PENDING, Side.PROVINCE)
    taken = step_of(yes(pending, Side.PROVINCE))
    assert (taken.state, taken.approvals[-1].by) == (StepState.TAKEN, "policy"), "the ministry is asked if the policy says so"
    moved = reached(a_unit(FUZHOU), Stage.OWN_NODE)
    assert (moved.member, moved.province) == (FUZHOU, PROVINCE)


def test_a_province_takes_a_unit_back_at_once_and_a_unit_does_not_give_itself_back() -> None:
    moved = a_unit(FUZHOU, member=FUZHOU)
    back = step_of(ask(moved, PROVINCE, a_step(Stage.PROVINCE_NODE), None, [], USUAL_POLICY))
    assert back.state is StepState.TAKEN and reached(moved, Stage.PROVINCE_NODE).member == PROVINCE
    assert isinstance(ask(moved, FUZHOU, a_step(Stage.PROVINCE_NODE), None, [], USUAL_POLICY), Refusal)


def test_a_province_s_own_centre_is_where_it_belongs_and_a_closed_unit_does_not_move() -> None:
    centre = ask(a_unit(PROVINCE), PROVINCE, replace(a_step(Stage.OWN_NODE), unit=PROVINCE), None, [], USUAL_POLICY)
    assert isinstance(centre, Decision) and not centre.events
    closed = asked(UnitStatus.CLOSED, Stage.OWN_NODE, FUZHOU)
    assert isinstance(closed, Refusal) and closed.code is codes.STATUS_STEP
