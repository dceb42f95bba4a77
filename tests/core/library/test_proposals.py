"""The way of a proposal: who may take which step, that two persons look at everything, and that both sides end up equal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Decision, Refusal
from twelve333.core.ids import HUB
from twelve333.core.library.merging import Side
from twelve333.core.library.model import Tombstone, TombstoneReason
from twelve333.core.library.proposals import (
    Made,
    Merging,
    Person,
    Proposal,
    ProposalKind,
    Resolved,
    Reviewed,
    Revised,
    Stamp,
    State,
    Step,
    Submitted,
    Text,
    Verdict,
    identity,
)
from twelve333.core.library.proposals_machine import STAGES, STEPS, Act, apply, decides, waits_for
from twelve333.core.library.proposals_meeting import EntryClash, Meeting, Present, meet, proposed_sheet, text_from
from twelve333.core.library.sheets import EMPTY, Sheet

NOW = datetime(2014, 3, 30, 9, tzinfo=UTC)
ANNA, BO, CAI = (Person("350000", "350100", name) for name in ("anna", "bo", "cai"))
HE, LI, MA = (Person(HUB, "000000", name) for name in ("he", "li", "ma"))
PEOPLE = (ANNA, BO, CAI, HE, LI, MA)
OLD, NEW = Sheet({"3": b"t"}, ("第一条",)), Sheet({"3": b"t"}, ("第一条", "第二条"))


def text(target: Sheet = NEW, version: int = 1) -> Text:
    made = text_from(Present(OLD, version), target, "题")
    assert isinstance(made, Text)
    return made


class Way:
    """One proposal, driven step by step."""

    def __init__(self) -> None:
        self.proposal = self.take(Made(self.stamp(ANNA, 1), "e1", ProposalKind.CHANGE, text(), ("社会保险法",), "漏了一条"))

    def stamp(self, by: Person, version: int | None = None) -> Stamp:
        return Stamp("p1", version or self.proposal.version + 1, by, NOW)

    def ask(self, step: Step) -> Decision[Proposal] | Refusal:
        return apply(getattr(self, "proposal", None), step)

    def take(self, step: Step) -> Proposal:
        taken = self.ask(step)
        assert isinstance(taken, Decision), taken
        self.proposal = taken.state
        return self.proposal

    def review(self, by: Person, verdict: Verdict = Verdict.ACCEPT, **more: object) -> Reviewed:
        return Reviewed(self.stamp(by), self.proposal.text_step, verdict, **more)  # type: ignore[arg-type]

    def to_ministry(self) -> Way:
        self.take(Submitted(self.stamp(ANNA)))
        self.take(self.review(BO))
        return self


def code_of(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code.name


def test_one_person_of_the_province_and_two_of_the_ministry_accept() -> None:
    way = Way()
    assert way.take(Submitted(way.stamp(ANNA))).state is State.PROVINCE_REVIEW
    assert way.take(way.review(BO)).state is State.MINISTRY_REVIEW
    assert way.take(way.review(HE)).state is State.MINISTRY_REVIEW
    assert way.take(way.review(HE)).state is State.MINISTRY_REVIEW  # the same person twice is one person
    assert way.take(way.review(LI)).state is State.ACCEPTED
    assert decides(way.proposal) == ""


def test_who_wrote_words_of_it_never_reviews_it() -> None:
    way = Way()
    way.take(Submitted(way.stamp(ANNA)))
    for verdict in (Verdict.ACCEPT, Verdict.RETURN):
        assert code_of(way.ask(way.review(ANNA, verdict, reason="r"))) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"
    way.take(Resolved(way.stamp(BO), text(), own=True))
    assert code_of(way.ask(way.review(BO))) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"
    assert way.take(way.review(CAI)).state is State.MINISTRY_REVIEW


def test_another_unit_does_not_make_another_person() -> None:
    way = Way()
    way.take(Submitted(way.stamp(ANNA)))
    assert code_of(way.ask(way.review(replace(ANNA, unit="350200")))) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"


def test_a_return_needs_a_reason_and_one_person_and_may_be_revised() -> None:
    way = Way().to_ministry()
    assert code_of(way.ask(way.review(HE, Verdict.RETURN))) == "LIBRARY_PROPOSAL_STEP_MALFORMED"
    assert way.take(way.review(HE, Verdict.RETURN, reason="出处不明")).state is State.RETURNED
    assert code_of(way.ask(Submitted(way.stamp(ANNA)))) == "LIBRARY_PROPOSAL_REVISE_FIRST"
    assert way.take(Revised(way.stamp(CAI), text(), "补了出处")).state is State.DRAFT
    way.take(Submitted(way.stamp(CAI)))
    assert code_of(way.ask(way.review(CAI))) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"


def test_two_reviewers_must_say_the_same_of_the_same_text() -> None:
    way = Way().to_ministry()
    into = Merging("e2", text())
    way.take(way.review(HE))
    assert way.take(way.review(LI, Verdict.MERGE, merging=into)).state is State.MINISTRY_REVIEW
    other = Merging("e2", text(Sheet(OLD.fields, ("另一条",))))
    assert way.take(way.review(HE, Verdict.MERGE, merging=other)).state is State.MINISTRY_REVIEW
    assert way.take(way.review(HE, Verdict.MERGE, merging=into)).state is State.MERGED


def test_a_resolved_clash_is_read_again_by_everybody() -> None:
    way = Way().to_ministry()
    way.take(way.review(HE))
    stale = way.review(LI)
    way.take(Resolved(way.stamp(MA), text(version=2)))
    assert way.proposal.votes == ()
    assert code_of(way.ask(replace(stale, stamp=way.stamp(LI)))) == "LIBRARY_PROPOSAL_TEXT_CHANGED"
    assert [waits_for(way.proposal, person) for person in (HE, LI, MA, ANNA)] == [True, True, True, False]


def test_a_province_merges_nothing_and_the_other_sides_people_wait_for_their_turn() -> None:
    way = Way()
    way.take(Submitted(way.stamp(ANNA)))
    merging = Merging("e2", text())
    assert code_of(way.ask(way.review(BO, Verdict.MERGE, merging=merging))) == "LIBRARY_PROPOSAL_MERGE_AT_MINISTRY"
    assert code_of(way.ask(way.review(HE))) == "LIBRARY_PROPOSAL_NOT_YOUR_TURN"
    way.take(way.review(BO))
    assert code_of(way.ask(way.review(CAI))) == "LIBRARY_PROPOSAL_NOT_YOUR_TURN"


def test_the_table_says_what_follows_from_everything_everywhere() -> None:
    assert STEPS.keys() == set(State)
    assert all(row.keys() == set(Act) for row in STEPS.values())
    assert all(stage.persons >= 1 for stage in STAGES.values()) and STAGES[State.MINISTRY_REVIEW].persons == 2


def test_a_person_speaks_only_for_a_unit_of_their_member() -> None:
    foreign = Made(Stamp("p1", 1, Person("350000", "360100", "x"), NOW), "e1", ProposalKind.CHANGE, text())
    assert code_of(apply(None, foreign)) == "LIBRARY_PROPOSAL_STEP_MALFORMED"


_acts = st.tuples(st.sampled_from(PEOPLE), st.sampled_from([*Act]), st.booleans(), st.integers(0, 1))


def _step(proposal: Proposal, by: Person, act: Act, own: bool, stale: int) -> Step:
    stamp = Stamp("p1", proposal.version + 1, by, NOW)
    match act:
        case Act.SUBMIT:
            return Submitted(stamp)
        case Act.REVISE:
            return Revised(stamp, text())
        case Act.RESOLVE:
            return Resolved(stamp, text(version=2), own)
    merging = Merging("e2", text()) if act is Act.MERGE else None
    verdict = {Act.ACCEPT: Verdict.ACCEPT, Act.RETURN: Verdict.RETURN, Act.MERGE: Verdict.MERGE}[act]
    return Reviewed(stamp, proposal.text_step - stale, verdict, "理由", merging)


@given(st.lists(_acts, max_size=40))
def test_whatever_people_try_two_strangers_to_the_text_stand_behind_every_end(tries: list[tuple[Person, Act, bool, int]]) -> None:
    way = Way()
    for by, act, own, stale in tries:
        before = way.proposal
        answer = apply(before, _step(before, by, act, own, stale))
        if isinstance(answer, Decision):
            way.proposal = answer.state
    proposal = way.proposal
    assert not {identity(vote.stamp.by) for vote in proposal.votes} & proposal.authors
    if proposal.state in (State.ACCEPTED, State.MERGED):
        wanted = {State.ACCEPTED: Verdict.ACCEPT, State.MERGED: Verdict.MERGE}[proposal.state]
        spoken = [step for step in proposal.history[proposal.text_step :] if isinstance(step, Reviewed)]
        ministry = {identity(step.stamp.by) for step in spoken if step.stamp.by.member == HUB and step.verdict is wanted}
        assert len(ministry) >= 2 and not ministry & proposal.authors
        assert any(isinstance(step, Reviewed) and step.stamp.by.member == "350000" for step in proposal.history)
    assert _replayed(proposal.history) == proposal


def _replayed(history: tuple[Step, ...]) -> Proposal | None:
    """What another member that hears of every step, some of them twice, comes to."""
    there: Proposal | None = None
    for step in history:
        for _ in range(2):
            answer = apply(there, step)
            assert isinstance(answer, Decision)
            there = answer.state
    return there


@given(st.lists(_acts, max_size=8))
def test_a_step_out_of_order_is_refused(tries: list[tuple[Person, Act, bool, int]]) -> None:
    way = Way()
    for by, act, own, stale in tries:
        ahead = _step(way.proposal, by, act, own, stale)
        skipping = replace(ahead, stamp=replace(ahead.stamp, version=ahead.stamp.version + 1))
        assert code_of(apply(way.proposal, skipping)) in ("LIBRARY_PROPOSAL_OUT_OF_TURN", "LIBRARY_PROPOSAL_STEP_MALFORMED")


# What a proposal meets


def _meeting(target: Sheet | None, present: Present, tombstone: Tombstone | None = None) -> Meeting:
    said = text_from(Present(OLD, 1), target, "题", tombstone)
    assert isinstance(said, Text)
    mine = proposed_sheet(said, OLD)
    assert not isinstance(mine, Refusal)
    return meet(said, OLD, mine, present)


def test_a_proposal_says_what_it_wants_only_on_the_text_it_was_made_on() -> None:
    assert proposed_sheet(text(), OLD) == NEW
    assert code_of(proposed_sheet(text(), NEW)) == "LIBRARY_PROPOSAL_BASE_DIFFERS"


def test_a_new_entry_starts_from_nothing_and_what_changes_nothing_is_refused() -> None:
    fresh = text_from(Present(None, 0), NEW, "题")
    assert isinstance(fresh, Text) and fresh.base_version == 0
    assert proposed_sheet(fresh, EMPTY) == NEW
    assert code_of(text_from(Present(OLD, 1), OLD, "题")) == "LIBRARY_PROPOSAL_NOTHING_CHANGES"


def test_an_entry_that_went_meanwhile_and_one_to_be_removed_that_changed_are_clashes() -> None:
    gone = _meeting(NEW, Present(None, 0))
    assert gone.clashes == (EntryClash(OLD, None, NEW),)
    assert (gone.taking(Side.MINE), gone.taking(Side.THEIRS)) == (NEW, None)
    withdrawn = Tombstone(TombstoneReason.WITHDRAWN)
    assert _meeting(None, Present(NEW, 2), withdrawn).clashes == (EntryClash(OLD, NEW, None),)
    assert _meeting(None, Present(OLD, 1), withdrawn) == Meeting((), None, None)


@pytest.mark.parametrize("present", [Present(OLD, 1), Present(Sheet({"3": b"u"}, OLD.paragraphs), 2)])
def test_what_does_not_clash_is_merged(present: Present) -> None:
    met = _meeting(NEW, present)
    assert present.sheet is not None
    assert (met.clashes, met.mine) == ((), Sheet(present.sheet.fields, NEW.paragraphs))
