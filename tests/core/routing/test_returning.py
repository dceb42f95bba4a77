"""What a restored node takes back of its calls: from hub and other side in any order, it comes to stand where the call stood."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.coverage.model import Candidate, Relation, Verdict
from twelve333.core.decision import Decision, Refusal
from twelve333.core.routing import codes
from twelve333.core.routing.handoff import Handoff, complete, confer, connect, expire, fail, give_up, offer_to, settle, take
from twelve333.core.routing.machine import HOLDS_SEAT, STEPS, HandoffState
from twelve333.core.routing.messages import HandoffTold, told
from twelve333.core.routing.model import Call, LastResort, LastResortKind
from twelve333.core.routing.returning import Known, known_at_origin, known_there, told_again

NOW = datetime(2014, 1, 24, 8, 0, tzinfo=UTC)
HOLD, TALK, SECOND = timedelta(seconds=30), timedelta(hours=1), timedelta(seconds=1)
HOLDS = {HandoffState.ACCEPTED: HOLD, HandoffState.CONNECTED: TALK, HandoffState.CONFERENCE: TALK}
CALL = Call("h1", "350100", "360400", "0801", "ug", ("360400",))
THERE = "350000"
UNITS = [Candidate(unit, THERE, Relation.OWNER, Verdict.CHOSEN) for unit in ("350100", "350200", "350000")]


def kept(outcome: Decision[Handoff] | Refusal) -> Handoff:
    assert isinstance(outcome, Decision), outcome
    return outcome.state


@st.composite
def lives(draw: st.DrawFn) -> Handoff:
    """A call as its origin knew it: refused so often, then accepted and led so far, or left to the last resort."""
    handoff, at = Handoff(CALL, "360400", context_sha256=b"x" * 32), NOW
    refusals = draw(st.integers(0, 2))
    for candidate in UNITS[:refusals]:
        handoff = kept(fail(kept(offer_to(handoff, candidate, at)), HandoffState.REFUSED, codes.NO_SEAT_FREE, at := at + SECOND))
    if draw(st.booleans()):
        handoff = kept(give_up(handoff, LastResort(LastResortKind.CALLBACK, "350000"), at))
        return kept(settle(handoff, LastResortKind.CALLBACK, at + SECOND)) if draw(st.booleans()) else handoff
    handoff = kept(take(kept(offer_to(handoff, UNITS[refusals], at)), "sip:1@a", HOLD, at))
    for rule in draw(st.sampled_from([(), (expire,), (connect,), (connect, confer, connect, complete), (connect, complete)])):
        at += SECOND
        handoff = kept(rule(handoff, TALK, at) if rule in (connect, confer) else rule(handoff, at))  # type: ignore[operator]
    return handoff


def hub_told(life: Handoff, steps: int) -> HandoffTold:
    """What the hub has of it: a part of the call, and the steps."""
    return HandoffTold(Call(CALL.id, CALL.region, topic=CALL.topic), life.from_unit, life.steps[:steps], "")


def known(life: Handoff) -> Known:
    """What the node that accepted has of it."""
    held = life.held_until if life.state in HOLDS_SEAT else None
    return Known(CALL, life.from_unit, life.offer_id, life.unit, life.state, life.target, life.steps[-1].at, held, life.context_sha256)


def first_steps(life: Handoff, count: int) -> Handoff | None:
    """The call as a backup has it, None from before it."""
    outcome = told_again(None, replace(told(life), steps=life.steps[:count]), THERE, HOLDS) if count else None
    return kept(outcome) if outcome else None


@given(lives(), st.data())
def test_it_stands_where_it_stood_whoever_answers_first_and_however_much_the_backup_had(life: Handoff, data: st.DataObject) -> None:
    accepted = any(step.state is HandoffState.ACCEPTED for step in life.steps)
    placed = next((n for n, step in enumerate(life.steps, 1) if step.state in (HandoffState.ACCEPTED, HandoffState.LAST_RESORT)), 0)
    heard = data.draw(st.integers(placed, len(life.steps)), "steps that the hub was told")
    ours = first_steps(life, data.draw(st.sampled_from([0, placed]), "steps that the backup has"))
    answers = data.draw(st.permutations(["hub", "there"] if accepted else ["hub"]))
    for who in [*answers, *answers]:  # each may come twice
        outcome = told_again(ours, hub_told(life, heard), THERE, HOLDS) if who == "hub" else known_there(ours, known(life), THERE)
        ours = kept(outcome)
    assert ours is not None
    expected = life.state if accepted else life.steps[heard - 1].state
    assert (ours.state, ours.steps[:heard]) == (expected, life.steps[:heard])
    assert ours.held_until is None or ours.state in HOLDS_SEAT
    if accepted:
        assert (ours.call, ours.member, ours.offer_id, ours.unit) == (life.call, THERE, life.offer_id, life.unit)
        assert (ours.target, ours.context_sha256) == (life.target, life.context_sha256)
    before = HandoffState.NEW
    for number, step in enumerate(ours.steps, 1):
        assert step.number == number
        assert step.state in STEPS[before]
        before = step.state


@given(lives())
def test_what_is_known_already_changes_nothing(life: Handoff) -> None:
    outcome = told_again(life, hub_told(life, len(life.steps)), THERE, HOLDS)
    assert isinstance(outcome, Decision)
    assert (outcome.state, outcome.events) == (life, ())


def test_a_step_taken_again_in_the_place_of_a_forgotten_one_gives_way_to_it() -> None:
    accepted = kept(take(kept(offer_to(Handoff(CALL, "360400"), UNITS[0], NOW)), "sip:1@a", HOLD, NOW))
    life = kept(complete(kept(connect(accepted, TALK, NOW + SECOND)), NOW + 2 * SECOND))
    again = kept(expire(accepted, NOW + timedelta(hours=1)))
    assert kept(told_again(again, hub_told(life, 4), THERE, HOLDS)).steps == life.steps
    earlier = kept(expire(accepted, NOW))
    assert kept(told_again(earlier, hub_told(life, 4), THERE, HOLDS)) == earlier


def test_a_history_that_the_table_does_not_have_is_refused() -> None:
    life = kept(take(kept(offer_to(Handoff(CALL, "360400"), UNITS[0], NOW)), "sip:1@a", HOLD, NOW))
    for steps in (life.steps[1:], (life.steps[0], replace(life.steps[1], state=HandoffState.COMPLETED))):
        outcome = told_again(None, replace(hub_told(life, 2), steps=steps), THERE, HOLDS)
        assert isinstance(outcome, Refusal)
        assert outcome.code is codes.HANDOFF_STEP


def test_another_member_than_the_one_that_accepted_changes_nothing() -> None:
    life = kept(take(kept(offer_to(Handoff(CALL, "360400"), UNITS[0], NOW)), "sip:1@a", HOLD, NOW))
    outcome = known_there(life, known(life), "110000")
    assert isinstance(outcome, Refusal)
    assert outcome.code is codes.OFFER_NOT_YOURS


def test_a_seat_that_was_forgotten_is_held_until_it_was_to_end() -> None:
    life = kept(connect(kept(take(kept(offer_to(Handoff(CALL, "360400"), UNITS[0], NOW)), "sip:1@a", HOLD, NOW)), TALK, NOW))
    lease = known_at_origin(None, known(life), "360000").state
    assert lease.is_held(NOW + TALK - SECOND)
    assert not lease.is_held(NOW + TALK)
    assert known_at_origin(lease, known(kept(complete(life, NOW))), "360000").events == ()
