"""Two histories of a unit become the one that holds all of both, whatever a restore had cut off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.identity import Role
from twelve333.core.registration.holders import Holder
from twelve333.core.registration.life import Approval, Evidence, Proof, Side, Stage, Step, StepState
from twelve333.core.registration.model import UnitStatus
from twelve333.core.registration.records import evidence_of_both, holder_of_both, is_without_step, steps_of_both, unit_after
from twelve333.testing.directory import a_unit

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Steps that were all settled but the last one perhaps."""
    stages = draw(st.lists(st.sampled_from(list(Stage)), min_size=1, max_size=6))
    steps = [
        Step("350100", stage, "350000", NOW + n * HOUR, (), (), StepState.TAKEN, NOW + n * HOUR, n) for n, stage in enumerate(stages, 1)
    ]
    if draw(st.booleans()):
        steps[-1] = replace(steps[-1], state=StepState.PENDING, settled_at=None)
    return steps


@given(histories(), st.data())
def test_a_cut_history_is_whole_again_and_what_came_since_stands_behind_it(whole: list[Step], data: st.DataObject) -> None:
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    since = [replace(step, asked_by="hub", number=len(cut) + n) for n, step in enumerate(whole[: data.draw(st.integers(0, 2))], 1)]
    since = [replace(step, state=StepState.TAKEN, settled_at=step.asked_at) for step in since]
    merged = steps_of_both([*cut, *since], whole)
    assert [step.number for step in merged] == list(range(1, len(whole) + len(since) + 1))
    assert [(step.stage, step.asked_by) for step in merged] == [(step.stage, step.asked_by) for step in [*whole, *since]]
    assert steps_of_both(merged, whole) == merged
    assert all(step.state is not StepState.PENDING for step in merged[:-1])
    assert steps_of_both(merged, cut) == merged or not cut, "an older record takes nothing back"


def test_of_a_step_that_both_have_the_one_that_came_further_counts() -> None:
    asked = Step("350100", Stage.OPEN, "350000", NOW)
    approved = replace(asked, approvals=(Approval(Side.PROVINCE, "350000/wang", NOW),))
    taken = replace(approved, state=StepState.TAKEN, settled_at=NOW)
    for further, other in ((approved, asked), (taken, approved)):
        expected = (replace(further, number=1),)
        assert steps_of_both([other], [further]) == steps_of_both([further], [other]) == expected


def test_a_unit_follows_a_step_that_was_forgotten_and_one_without_its_step_is_found() -> None:
    unit = replace(a_unit("350100"), status=UnitStatus.VERIFIED)
    verified = Step("350100", Stage.VERIFIED, "350000", NOW, state=StepState.TAKEN)
    opened = Step("350100", Stage.OPEN, "350000", NOW + HOUR, state=StepState.TAKEN)
    assert unit_after(unit, [verified], [verified, opened]).status is UnitStatus.OPEN
    assert unit_after(unit, [verified, opened], [verified, opened]) == unit
    assert is_without_step(replace(unit, status=UnitStatus.OPEN), [verified])
    assert not is_without_step(unit, [verified])
    assert not is_without_step(unit, []), "from before there were steps"


def test_the_latest_evidence_counts_whoever_kept_it() -> None:
    old, new = (Evidence(Proof.DOCTOR, passed, NOW + HOUR * passed, "350000") for passed in (False, True))
    assert evidence_of_both([new], [old]) == evidence_of_both([old], [new]) == (old, new)


def test_who_was_ended_before_a_restore_is_ended_after_it_unless_he_was_certified_since() -> None:
    counts = Holder(Role.OPERATOR, "zhao", "ab", NOW)
    ended = replace(counts, revoked_at=NOW + HOUR, reason="recovered")
    assert holder_of_both(None, ended, NOW + 2 * HOUR) == holder_of_both(counts, ended, NOW + 2 * HOUR) == ended
    again = Holder(Role.OPERATOR, "zhao", "cd", NOW + 3 * HOUR)
    assert holder_of_both(again, ended, NOW + 2 * HOUR) == again
    assert holder_of_both(ended, counts, NOW + 2 * HOUR) == ended
