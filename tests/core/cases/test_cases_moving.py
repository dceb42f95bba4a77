"""Cases follow a unit that moves, open or answered: nobody's step is decided twice, and at no moment may two members tell the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from tests.core.cases.builders import (
    CLOCKS,
    MEMBER_OF,
    NANJING,
    SHANGHAI,
    START,
    Desk,
    answered,
    closed,
    moved,
    offered,
    opening,
    signature,
)
from tests.core.cases.test_cases_convergence import Federation

from twelve333.core.cases.machine import apply
from twelve333.core.cases.messages import (
    AcceptCase,
    AnswerCase,
    CloseCase,
    Command,
    DeclineDuty,
    DutyOffered,
    DutyTaken,
    LaterCommand,
    OfferDuty,
    RefuseCase,
    TakeDuty,
    TellCaller,
    TransferCase,
)
from twelve333.core.cases.model import DUTY_OFFERS_MAX, OFFERS_MAX, STEPS_MAX, Case, Party, State
from twelve333.core.cases.moving import Whereabouts, follow
from twelve333.core.cases.rules import Facts, decide, destinations, history_for
from twelve333.core.decision import Decision, Refusal

OLD, NEW = "320000", NANJING  # 南京 moves from its province's node to one of its own


def at(member: str, serves: str = NEW, version: int = 2) -> Whereabouts:
    return Whereabouts(member, MEMBER_OF | {NANJING: serves}, version)


def step(desk: Desk, member: str, command: Command | None, serves: str = NEW) -> Decision[Case] | Refusal:
    assert command
    outcome = decide(Facts(desk.case, member, MEMBER_OF | {NANJING: serves}, CLOCKS), command, START)
    if isinstance(outcome, Decision):
        desk.case = outcome.state
    return outcome


def look(desk: Desk, known: Whereabouts) -> LaterCommand | None:
    assert desk.case
    command = follow(desk.case, known, "moved")
    if command:
        assert isinstance(step(desk, known.member, command, known.member_of[NANJING]), Decision)
    return command


def told() -> Desk:
    desk = answered()
    desk.done(TellCaller(signature(NANJING, "s4", 2)))
    return desk


@pytest.mark.parametrize("made", [answered, told])
def test_the_duty_of_the_unit_asked_first_follows_it_and_is_done_at_its_new_node(made: object) -> None:
    desk: Desk = made()  # type: ignore[operator]
    before = desk.case
    assert before
    assert look(desk, at(OLD, OLD)) is None, "as long as the unit stays, nothing moves"
    assert look(desk, at(NEW)) is None, "who does not have it takes nothing"
    assert isinstance(look(desk, at(OLD)), OfferDuty)
    assert desk.case and (desk.case.state, desk.case.first_asked.member) == (before.state, OLD), "an offer moves nothing"
    assert isinstance(look(desk, at(NEW)), TakeDuty)
    after = desk.case
    assert (after.first_asked, after.pending) == (Party(NANJING, NEW), None)
    same = replace(after, first_asked=before.first_asked, version=before.version, history=before.history)
    assert same == before, "owner, epoch, answer and deadlines stay: a move gives nobody more time"
    if before.state is State.ANSWERED:
        step(desk, NEW, TellCaller(signature(NANJING, "t", 2)))
    outcome = step(desk, NEW, CloseCase(signature(NANJING, "c", 2)))
    assert isinstance(outcome, Decision) and outcome.state.state is State.CLOSED


def test_while_the_duty_is_on_its_way_nobody_tells_and_afterwards_the_old_node_does_not() -> None:
    desk = answered()
    look(desk, at(OLD))
    tell = TellCaller(signature(NANJING, "t", 2))
    for member, code in ((OLD, "CASES_DUTY_MOVING"), (NEW, "CASES_DUTY_MOVING")):
        outcome = step(desk, member, tell)
        assert isinstance(outcome, Refusal) and outcome.code.name == code
    look(desk, at(NEW))
    outcome = step(desk, OLD, tell)
    assert isinstance(outcome, Refusal) and outcome.code.name == "CASES_UNIT_NOT_YOURS"


def test_everybody_concerned_is_told_and_the_new_node_gets_the_history() -> None:
    desk = answered()
    before = desk.case
    look(desk, at(OLD))
    offer = desk.case
    assert before and offer
    assert destinations(before, offer, OLD) == {"hub", "310000", NEW}
    assert history_for(offer, offer.history[-1], NEW) == before.history and not history_for(offer, offer.history[-1], "hub")
    look(desk, at(NEW))
    assert desk.case and destinations(offer, desk.case, NEW) == {"hub", "310000", OLD}


def test_a_node_that_is_behind_waits_and_one_that_knows_better_declines_and_is_not_asked_again_before_somebody_knows_more() -> None:
    desk = answered()
    look(desk, at(OLD, version=5))
    assert look(desk, at(NEW, OLD, version=4)) is None, "it may be about to hear of the move"
    assert isinstance(look(desk, at(NEW, OLD, version=6)), DeclineDuty)
    assert look(desk, at(OLD, version=5)) is None, "the same directory says nothing new"
    assert desk.case and (desk.case.first_asked.member, desk.case.pending) == (OLD, None)
    assert isinstance(look(desk, at(OLD, version=7)), OfferDuty)


def test_a_closed_unit_s_duty_is_taken_where_it_was_offered_somebody_has_to_tell_the_caller() -> None:
    desk = answered()
    look(desk, at(OLD))
    assert desk.case
    nobody = Whereabouts(NEW, {}, 3)
    assert isinstance(follow(desk.case, nobody, "moved"), TakeDuty)


@pytest.mark.parametrize(("to", "code"), [(Party(SHANGHAI, "310000"), "CASES_DUTY_STAYS"), (Party(NANJING, OLD), "CASES_DUTY_STAYS")])
def test_the_duty_goes_to_no_other_unit(to: Party, code: str) -> None:
    case = answered().case
    assert case
    stamp = replace(case.history[0].stamp, step_id="x", version=case.version + 1, owner_epoch=case.owner_epoch)
    outcome = apply(case, DutyOffered(stamp, to, 2))
    assert isinstance(outcome, Refusal) and outcome.params["because"] == code


@pytest.mark.parametrize(
    ("made", "code"),
    [(offered, "CASES_NOT_ANSWERED"), (moved, "CASES_NOT_ANSWERED"), (closed, "CASES_CLOSED")],
)
def test_the_duty_moves_only_when_nobody_else_can_take_the_next_step(made: object, code: str) -> None:
    desk: Desk = made()  # type: ignore[operator]
    assert desk.case
    outcome = step(desk, OLD, OfferDuty(signature(NANJING, "x", desk.case.owner_epoch), 2))
    assert isinstance(outcome, Refusal) and outcome.code.name == code


def test_nobody_but_the_unit_asked_first_offers_its_duty_and_nobody_but_its_new_node_answers() -> None:
    desk = answered()
    assert desk.refused(OfferDuty(signature(SHANGHAI, "x", 2), 2)) == "CASES_NOT_FIRST_ASKED"
    assert desk.refused(TakeDuty(signature(SHANGHAI, "x", 2))) == "CASES_NOT_OFFERED"
    look(desk, at(OLD))
    assert desk.refused(TakeDuty(signature(SHANGHAI, "x", 2))) == "CASES_NOT_OFFERED_TO_YOU"
    assert desk.refused(DeclineDuty(signature(SHANGHAI, "x", 2))) == "CASES_NOT_OFFERED_TO_YOU"


def test_a_case_that_was_moved_as_often_as_may_be_still_ends() -> None:
    desk = Desk()
    desk.done(opening())
    for number in range(OFFERS_MAX):
        desk.done(TransferCase(signature(NANJING, f"o{number}"), SHANGHAI))
        desk.done(RefuseCase(signature(SHANGHAI, f"r{number}"), "not ours"))
    desk.done(AnswerCase(signature(NANJING, "a"), "settled"))
    for version in range(2, DUTY_OFFERS_MAX + 2):
        here, there = (OLD, NEW) if version % 2 == 0 else (NEW, OLD)
        assert isinstance(look(desk, at(here, there, version)), OfferDuty)
        assert isinstance(look(desk, at(there, there, version)), TakeDuty)
    assert desk.case
    here, there = desk.case.first_asked.member, NEW if desk.case.first_asked.member == OLD else OLD
    outcome = step(desk, here, follow(desk.case, at(here, there, 99), "moved"), there)
    assert isinstance(outcome, Refusal) and outcome.code.name == "CASES_MOVED_TOO_OFTEN"
    step(desk, here, TellCaller(signature(NANJING, "t")), there)
    outcome = step(desk, here, CloseCase(signature(NANJING, "c")), there)
    assert isinstance(outcome, Decision) and outcome.state.state is State.CLOSED and outcome.state.version < STEPS_MAX


@dataclass
class Moving(Federation):
    """The nodes, the hub, and 南京's own node; each has the directory of some day."""

    serves: str = OLD
    version: int = 1
    known: dict[str, tuple[str, int]] = field(default_factory=dict)

    def move(self) -> None:
        self.serves, self.version = (NEW if self.serves == OLD else OLD), self.version + 1

    def learn(self, member: str) -> None:
        self.known[member] = self.serves, self.version

    def directory(self, member: str) -> tuple[Mapping[str, str], int]:
        serves, version = self.known.get(member, (OLD, 1))
        return MEMBER_OF | {NANJING: serves}, version

    def look(self, member: str) -> None:
        """What the node does every few seconds."""
        case = self.replicas.get((member, "c1"))
        member_of, version = self.directory(member)
        if case and (command := follow(case, Whereabouts(member, member_of, version), "moved")):
            self.take(member, command, member_of)

    def work(self, member: str, kind: str, number: int) -> None:
        """What a clerk at a desk of the node does who looks at the screen."""
        case = self.replicas.get((member, "c1"))
        if case is None:
            return
        to = case.pending.to if case.pending else None
        unit = next((p.unit for p in (to, case.owner, case.first_asked) if p and p.member == member), NANJING)
        signed = signature(unit, f"{member}-{number}", case.owner_epoch)
        other = SHANGHAI if unit == NANJING else NANJING
        if to and case.state is State.OFFERED:
            command: Command = AcceptCase(signed) if kind != "refuse" else RefuseCase(signed, "not ours")
        elif case.state in (State.OPEN, State.ACCEPTED):
            command = AnswerCase(signed, "an answer") if kind == "answer" else TransferCase(signed, other)
        else:
            signed = replace(signed, unit=case.first_asked.unit)
            command = TellCaller(signed) if case.state is State.ANSWERED else CloseCase(signed)
        self.take(member, command, self.directory(member)[0])

    def tellers(self) -> list[str]:
        """Who could tell the caller now, by its own replica."""
        return [
            member
            for (member, _), case in self.replicas.items()
            if case.state is State.ANSWERED and case.pending is None and case.first_asked.member == member
        ]


NODES = (OLD, NEW, "310000", "350000")


def a_life(seed: int) -> Moving:
    chance, world = Random(seed), Moving()
    world.ask(opening())
    for number in range(160):
        what = chance.choices(["deliver", "look", "work", "learn", "move"], [10, 5, 4, 3, 1])[0]
        member = chance.choice(NODES)
        match what:
            case "deliver":
                world.deliver(chance.randrange(30), twice=chance.random() < 0.2)
            case "look":
                world.look(member)
            case "work":
                world.work(member, chance.choices(["answer", "refuse", "other"], [1, 1, 4])[0] if number < 60 else "answer", number)
            case "learn":
                world.learn(member)
            case _:
                world.move()
        assert len(world.tellers()) <= 1, "two members could tell the caller"
    return world


def come_to_rest(world: Moving) -> Case:
    """Everybody has the present directory, and all is delivered."""
    for member in NODES:
        world.learn(member)
    for _ in range(6):
        for member in NODES:
            world.look(member)
        while world.deliver(0):
            pass
    return world.replicas["hub", "c1"]


@pytest.mark.parametrize("seed", range(150))
def test_wherever_a_unit_moves_its_case_follows_and_every_replica_ends_equal(seed: int) -> None:
    world = a_life(seed)
    case = come_to_rest(world)
    assert all(len(events) == 1 for events in world.decided.values()), "the same step was decided at two members"
    assert not any(world.held.values()), "a step waits for ever"
    for (member, _), replica in world.replicas.items():
        assert replica.history == case.history[: replica.version], "a member holds another past"
        assert replica == case or member not in {case.first_asked.member, case.owner.member}
    if case.state in (State.ANSWERED, State.TOLD) and sum(isinstance(one, DutyOffered) for one in case.history) < DUTY_OFFERS_MAX:
        assert (case.first_asked.member, case.pending) == (world.serves, None)
    if case.state in (State.OPEN, State.ACCEPTED) and case.owner.unit == NANJING and case.version < 2 * OFFERS_MAX:
        assert case.owner.member == world.serves


def test_the_moves_are_worth_checking() -> None:
    found = [come_to_rest(a_life(seed)) for seed in range(150)]
    taken = [sum(isinstance(one, DutyTaken) for one in case.history) for case in found]
    assert sum(count > 0 for count in taken) > 30 and sum(count > 1 for count in taken) > 5, taken
    assert {State.CLOSED} < {case.state for case in found}
