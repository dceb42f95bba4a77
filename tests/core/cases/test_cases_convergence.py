"""Replicas of three provinces and the hub end up equal, whatever the units ask and however the network interleaves.

The network promises what delivery promises: each origin's events reach a destination in order, at least once. Nothing is
promised between two origins. So a step may overtake the one it rests on, and everything may come twice.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.cases.builders import CLOCKS, MEMBER_OF, NANJING, SHANGHAI, START, opening, signature

from twelve333.core.cases.machine import offered_to
from twelve333.core.cases.messages import (
    AcceptCase,
    AnswerCase,
    Arrived,
    CaseEvent,
    CloseCase,
    Command,
    OpenCase,
    RefuseCase,
    TellCaller,
    TransferCase,
)
from twelve333.core.cases.model import Case, State
from twelve333.core.cases.replica import Settled, settle
from twelve333.core.cases.rules import Facts, decide, destinations, history_for
from twelve333.core.decision import Decision, Refusal

UNITS = tuple(MEMBER_OF)


@dataclass
class Federation:
    """Three nodes and the hub; one queue per (origin, destination)."""

    replicas: dict[tuple[str, str], Case] = field(default_factory=dict)
    held: dict[tuple[str, str], tuple[Arrived, ...]] = field(default_factory=lambda: defaultdict(tuple))
    queues: dict[tuple[str, str], deque[Arrived]] = field(default_factory=lambda: defaultdict(deque))
    decided: dict[tuple[str, int], list[CaseEvent]] = field(default_factory=lambda: defaultdict(list))
    steps: int = 0
    early: int = 0

    def ask(self, command: Command) -> None:
        head = command if isinstance(command, OpenCase) else command.signature
        self.take(MEMBER_OF[head.unit], command, MEMBER_OF)

    def take(self, member: str, command: Command, member_of: Mapping[str, str]) -> None:
        """A member decides, by what it knows of who serves whom."""
        head = command if isinstance(command, OpenCase) else command.signature
        before = self.replicas.get((member, head.case_id))
        self.steps += 1
        outcome = decide(Facts(before, member, member_of, CLOCKS), command, START + timedelta(minutes=self.steps))
        if isinstance(outcome, Refusal) or not outcome.events:
            return
        self.replicas[member, head.case_id] = outcome.state
        event = outcome.state.history[-1]
        self.decided[head.case_id, event.stamp.version].append(event)
        for destination in destinations(before, outcome.state, member):
            self.queues[member, destination].append(Arrived(event, member, history_for(outcome.state, event, destination)))

    def deliver(self, number: int, *, twice: bool = False) -> bool:
        waiting = sorted(key for key, queue in self.queues.items() if queue)
        if not waiting:
            return False
        origin, destination = waiting[number % len(waiting)]
        queue = self.queues[origin, destination]
        self._receive(destination, queue[0] if twice else queue.popleft())
        return True

    def _receive(self, member: str, arrived: Arrived) -> None:
        key = (member, arrived.event.stamp.case_id)
        settled = settle(self.replicas.get(key), arrived, self.held[key])
        assert isinstance(settled, Settled), settled
        assert not settled.dropped
        self.early += len(settled.held) > len(self.held[key])
        self.held[key] = settled.held
        if settled.case:
            self.replicas[key] = settled.case


units = st.sampled_from(UNITS)
KINDS = ("open", "transfer", "accept", "refuse", "answer", "tell", "close")
kinds = st.sampled_from(KINDS)
cases = st.sampled_from(["c1", "c2"])
asks = st.tuples(st.just("ask"), kinds, units, units, cases)
useful = st.tuples(st.just("useful"), kinds, units, units, cases)  # what a clerk does who looks at the screen first
deliveries = st.tuples(st.just("deliver"), st.integers(0, 30), st.booleans())


def _command(federation: Federation, kind: str, unit: str, other: str, case_id: str, step_id: str) -> Command:
    case = federation.replicas.get((MEMBER_OF[unit], case_id))
    signed = signature(unit, step_id, case.owner_epoch if case else 1, case_id)
    commands: dict[str, Command] = {
        "open": opening(case_id, unit),
        "transfer": TransferCase(signed, other),
        "accept": AcceptCase(signed),
        "refuse": RefuseCase(signed, "not ours"),
        "answer": AnswerCase(signed, "an answer"),
        "tell": TellCaller(signed),
        "close": CloseCase(signed),
    }
    return commands[kind]


def _useful(federation: Federation, kind: str, unit: str, case_id: str) -> tuple[str, str]:
    """The unit whose turn it is in the view of `unit`'s own member, and something it may do."""
    case = federation.replicas.get((MEMBER_OF[unit], case_id))
    if case is None:
        return "open", NANJING
    if pending := offered_to(case):
        return ("accept" if kind != "refuse" else "refuse"), pending.unit
    if case.state in (State.OPEN, State.ACCEPTED):
        return ("answer" if kind in ("answer", "close") else "transfer"), case.owner.unit
    return ("tell" if case.state is State.ANSWERED else "close"), case.first_asked.unit


def _run(script: list[tuple[object, ...]]) -> Federation:
    federation = Federation()
    for number, (what, *rest) in enumerate(script):
        if what == "deliver":
            federation.deliver(rest[0], twice=bool(rest[1]))  # type: ignore[call-overload]
            continue
        kind, unit, other, case_id = (str(part) for part in rest)
        if what == "useful":
            kind, unit = _useful(federation, kind, unit, case_id)
        if kind == "open":
            unit = NANJING if case_id == "c1" else SHANGHAI  # an id is made by one asker
        federation.ask(_command(federation, kind, unit, other, case_id, f"s{number}"))
    return federation


def _deep(seed: int) -> tuple[Federation, list[int]]:
    """A long life: clerks who mostly look at the screen first, and a network that is mostly behind."""
    chance = Random(seed)
    script: list[tuple[object, ...]] = []
    for _ in range(240):
        what = chance.choices(["ask", "useful", "deliver"], [1, 3, 5])[0]
        kind = chance.choices(KINDS, [1, 6, 4, 4, 1, 1, 1])[0]
        step = (what, chance.randrange(30), chance.random() < 0.2) if what == "deliver" else (what, kind, *_two_units(chance))
        script.append(step)
    return _run(script), [chance.randrange(30) for _ in range(97)]


def _two_units(chance: Random) -> tuple[str, str, str]:
    return chance.choice(UNITS), chance.choice(UNITS), chance.choice(["c1", "c2"])


@settings(max_examples=100, deadline=None)
@given(st.lists(asks | useful | useful | deliveries, max_size=60), st.lists(st.integers(0, 30), min_size=1))
def test_replicas_converge_with_one_owner_and_no_fork(script: list[tuple[object, ...]], order: list[int]) -> None:
    _check_convergence(_run(script), order)


@pytest.mark.parametrize("seed", range(150))
def test_replicas_converge_after_a_long_life(seed: int) -> None:
    _check_convergence(*_deep(seed))


def test_the_long_lives_are_worth_checking() -> None:
    federations = [_deep(seed)[0] for seed in range(40)]
    cases = [case for federation in federations for case in federation.replicas.values()]
    assert sum(federation.early for federation in federations) > 40, "steps overtake one another"
    assert sum(case.owner_epoch > 3 for case in cases) > 20, "cases move more than once"
    assert {case.state for case in cases} == set(State)


def _check_convergence(federation: Federation, order: list[int]) -> None:
    number = 0
    while federation.deliver(order[number % len(order)]):
        number += 1
    assert all(len(events) == 1 for events in federation.decided.values()), "the same step was decided at two members"
    for case_id in {case_id for case_id, _ in federation.decided}:
        supreme = federation.replicas["hub", case_id]
        assert len(supreme.history) == sum(1 for one, _ in federation.decided if one == case_id), "a step was lost"
        _check_replicas(federation, supreme)
    assert not any(federation.held.values()), "a step waits for ever"


def _check_replicas(federation: Federation, supreme: Case) -> None:
    parties = {supreme.first_asked.member, supreme.owner.member} | ({supreme.pending.to.member} if supreme.pending else set())
    for member in set(MEMBER_OF.values()):
        replica = federation.replicas.get((member, supreme.case_id))
        if member in parties:
            assert replica == supreme
        elif replica:
            assert replica.history == supreme.history[: replica.version], "a former party holds another past"
    owners = {
        replica.owner.unit
        for (member, case_id), replica in federation.replicas.items()
        if case_id == supreme.case_id and replica.owner.member == member and replica.version == supreme.version
    }
    assert len(owners) <= 1
    assert supreme.owner.member in parties


def test_an_acceptance_may_overtake_its_offer_and_waits_for_it() -> None:
    federation = Federation()
    federation.ask(opening())
    federation.ask(TransferCase(signature(NANJING, "s1"), SHANGHAI))
    federation._receive("310000", federation.queues["320000", "310000"].popleft())
    federation.ask(AcceptCase(signature(SHANGHAI, "s2")))
    federation._receive("hub", federation.queues["310000", "hub"].popleft())
    assert federation.early == 1
    assert ("hub", "c1") not in federation.replicas
    federation._receive("hub", federation.queues["320000", "hub"].popleft())
    federation._receive("hub", federation.queues["320000", "hub"].popleft())
    assert federation.replicas["hub", "c1"] == federation.replicas["310000", "c1"]
    assert federation.held["hub", "c1"] == ()


def test_a_step_signed_by_another_member_than_its_sender_is_refused() -> None:
    federation = Federation()
    federation.ask(opening())
    arrived = federation.queues["320000", "hub"][0]
    outcome = settle(None, Arrived(arrived.event, "350000"), ())
    assert isinstance(outcome, Refusal)
    assert outcome.code.name == "CASES_NOT_THE_AUTHOR"


def test_every_arrival_thrice_changes_nothing_more() -> None:
    federation = Federation()
    federation.ask(opening())
    federation.ask(TransferCase(signature(NANJING, "s1"), SHANGHAI))
    case: Case | None = None
    for arrived in list(federation.queues["320000", "hub"]) * 3:
        settled = settle(case, arrived, ())
        assert isinstance(settled, Settled)
        case = settled.case
    assert case == federation.replicas["320000", "c1"]
    assert isinstance(settle(case, federation.queues["320000", "hub"][0], ()), Settled)
    assert Decision(case).events == ()
