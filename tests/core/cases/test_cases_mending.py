"""A member that was restored from a backup gets back what it had decided itself, and every history is the same afterwards.

The worlds are those of the convergence tests, but in the middle members are put back to an earlier moment: their replicas, what they
hold, and what waits in their outbox. Then they go on, whether or not the others have given anything back yet.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from tests.core.cases.builders import MEMBER_OF, NANJING, SHANGHAI
from tests.core.cases.test_cases_convergence import KINDS, UNITS, Federation, _command, _useful

from twelve333.core.cases.mending import Facts, Mended, Returned, concerned, mend
from twelve333.core.cases.messages import CaseEvent
from twelve333.core.cases.replica import Settled, settle
from twelve333.core.decision import Refusal

PROVINCES = tuple(sorted(set(MEMBER_OF.values())))


@dataclass
class Kept:
    """A member at the moment of its backup, and how much had been delivered to it."""

    state: tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]
    heard: dict[str, int]


@dataclass
class Mending(Federation):
    """A federation whose members may be put back, and return to each other what one has lost."""

    delivered: dict[tuple[str, str], list[Any]] = field(default_factory=lambda: defaultdict(list))
    restored: set[str] = field(default_factory=set)
    refused: int = 0
    gave_way: int = 0
    brought_back: int = 0

    def deliver(self, number: int, *, twice: bool = False) -> bool:
        """As the network does, and remember what a member would be told again."""
        waiting = sorted(key for key, queue in self.queues.items() if queue)
        if not waiting:
            return False
        key = waiting[number % len(waiting)]
        if not twice:
            self.delivered[key].append(self.queues[key].popleft())
        self._receive(key[1], self.queues[key][0] if twice else self.delivered[key][-1])
        return True

    def back_up(self, member: str) -> Kept:
        def mine(store: dict[tuple[str, str], Any], copy: Callable[[Any], Any]) -> dict[Any, Any]:
            return {key: copy(value) for key, value in store.items() if key[0] == member}

        state = mine(self.replicas, lambda one: one), mine(self.held, lambda one: one), mine(self.queues, list)
        return Kept(state, {key[0]: len(told) for key, told in self.delivered.items() if key[1] == member})

    def restore(self, member: str, kept: Kept) -> None:
        """Put back; others tell it again, before anything newer, what it has heard since, and return what they hold of its own steps."""
        self.restored.add(member)
        for store, old in zip((self.replicas, self.held, self.queues), kept.state, strict=True):
            for key in [key for key in store if key[0] == member]:
                del store[key]  # type: ignore[attr-defined]
            store.update({key: deque(value) if isinstance(value, list) else value for key, value in old.items()})  # type: ignore[attr-defined]
        for (origin, destination), told in self.delivered.items():
            if destination == member:
                self.queues[origin, member].extendleft(reversed(told[kept.heard.get(origin, 0) :]))
                del told[kept.heard.get(origin, 0) :]
        for holder, case_id in sorted({*self.replicas, *self.held}):
            case = self.replicas.get((holder, case_id))
            history = case.history if case else ()
            waiting = tuple(one.event for one in self.held[holder, case_id] if one.origin == member)
            if holder != member and (waiting or any(event.stamp.by.member == member for event in history)):
                self.queues[holder, member].append((holder, Returned(history, waiting)))  # type: ignore[arg-type]

    def _receive(self, member: str, arrived: Any) -> None:
        if isinstance(arrived, tuple):
            self._mend(member, *arrived)
            return
        key = (member, arrived.event.stamp.case_id)
        settled = settle(self.replicas.get(key), arrived, self.held[key])
        if isinstance(settled, Refusal):
            self.refused += 1
        else:
            self._keep(key, settled, ())

    def _mend(self, member: str, teller: str, returned: Returned) -> None:
        key = (member, (*returned.history, *returned.waiting)[0].stamp.case_id)
        facts = Facts(teller, member, member in self.restored)
        mended = mend(self.replicas.get(key), returned, facts, self.held[key])
        assert not isinstance(mended, Refusal), mended
        self.gave_way += len(mended.gave_way)
        self._keep(key, mended, mended.gave_way)
        if mended.case and mended.teller_is_behind:
            self.queues[member, teller].append((member, Returned(mended.case.history)))  # type: ignore[arg-type]

    def _keep(self, key: tuple[str, str], after: Settled | Mended, gave_way: tuple[CaseEvent, ...]) -> None:
        """Keep, and tell everybody concerned what came back or gave way, for they may not have heard of it."""
        self.held[key] = after.held
        if after.case:
            self.replicas[key] = after.case
        member = key[0]
        own = [event for event in after.kept if event.stamp.by.member == member]
        self.brought_back += len(own)
        if after.case and (own or gave_way):
            for other in (concerned(after.case.history, gave_way) | {"hub"}) - {member}:
                self.queues[member, other].append((member, Returned(after.case.history)))  # type: ignore[arg-type]


def _life(seed: int, restores: int) -> Mending:
    """Clerks ask, the network is behind, and now and then a member is put back to an earlier moment."""
    chance, federation, numbers = Random(seed), Mending(), iter(range(10_000))

    def live(steps: int) -> None:
        for _ in range(steps):
            if chance.random() < 0.55:
                federation.deliver(chance.randrange(30), twice=chance.random() < 0.1)
                continue
            kind = chance.choices(KINDS, [1, 6, 4, 4, 1, 1, 1])[0]
            unit, other, case_id = chance.choice(UNITS), chance.choice(UNITS), chance.choice(["c1", "c2"])
            if chance.random() < 0.8:
                kind, unit = _useful(federation, kind, unit, case_id)
            if kind == "open":
                unit = NANJING if case_id == "c1" else SHANGHAI
            federation.ask(_command(federation, kind, unit, other, case_id, f"s{next(numbers)}"))

    for _ in range(restores):
        live(chance.randrange(50))
        member = chance.choice(PROVINCES)
        kept = federation.back_up(member)
        live(chance.randrange(1, 40))
        federation.restore(member, kept)
    live(chance.randrange(30))
    while federation.deliver(chance.randrange(30)):
        pass
    return federation


def _check(federation: Mending) -> None:
    cases = {case_id for _, case_id in federation.replicas}
    for case_id in cases:
        supreme = federation.replicas["hub", case_id]
        parties = {supreme.first_asked.member, supreme.owner.member} | ({supreme.pending.to.member} if supreme.pending else set())
        for member in PROVINCES:
            replica = federation.replicas.get((member, case_id))
            if member in parties:
                assert replica == supreme, (member, case_id)
            elif replica:
                assert replica.history == supreme.history[: replica.version], (member, case_id)


@pytest.mark.parametrize("seed", range(120))
def test_every_history_is_the_same_after_a_member_was_restored(seed: int) -> None:
    _check(_life(seed, 1))


@pytest.mark.parametrize("seed", range(60))
def test_every_history_is_the_same_after_several_were_restored(seed: int) -> None:
    _check(_life(seed, 3))


def test_the_lives_are_worth_checking() -> None:
    lives = [_life(seed, 1) for seed in range(80)]
    assert sum(life.brought_back > 0 for life in lives) > 20, "forgotten steps come back"
    assert sum(life.gave_way > 0 for life in lives) > 5, "members take other steps in the place of forgotten ones"
