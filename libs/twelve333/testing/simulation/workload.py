"""What people do at each member: plain events, and cases through the real rules, now and then with a stale screen or twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import time
from functools import partial
from random import Random
from typing import Final

from sqlalchemy import Connection, select

from ...adapters.clock import Clock
from ...adapters.sql.outbox import Outbox
from ...core.cases import messages
from ...core.cases.model import Case, State
from ...core.cases.rules import Clocks, Facts, decide, destinations, history_for
from ...core.decision import Decision, Refused, accepted
from ...core.ids import HUB
from ...core.worktime.model import Calendar, Limit, Measure, OfficeHours, Span, Unit
from ...wire.cases import arrived_to_wire
from .effects import plain_event
from .ledger import Ledger
from .store import VirtualDatabase, cases
from .world import World

CLOCKS: Final = Clocks(
    Limit(3, Unit.DAYS, Measure.CALENDAR),
    Limit(8, Unit.HOURS, Measure.WORKING),
    Calendar("simulated", frozenset({2026})),
    OfficeHours((Span(time(9), time(12)), Span(time(13), time(18)))),
)


@dataclass(slots=True)
class Workload:
    """How much is done.

    Args:
        members: all members, the hub first.
        lively: those of them that do most.
        share: how much of what is done goes to the lively ones.
        think_s: mean virtual seconds between two acts of a lively member.
        quiet_s: the same for the others.
        stale: how often an asker works from an old screen.
        over: set when the working day ends.
    """

    members: tuple[str, ...]
    lively: tuple[str, ...]
    share: float
    think_s: float
    quiet_s: float
    stale: float
    over: bool = False

    def pause_s(self, member: str) -> float:
        """The mean pause between two acts of that member."""
        return self.think_s if member in self.lively else self.quiet_s

    def greeted_by(self, member: str) -> tuple[str, ...]:
        """Who is greeted unheard of on each new connection; among the lively only, since all with all are a thousand messages each time."""
        return self.lively if member in self.lively else ()

    def another(self, chance: Random, not_this: str) -> str:
        """A member to tell something, or to ask."""
        among = self.lively if chance.random() < self.share else self.members
        return chance.choice([name for name in among if name != not_this])


class Desk:
    """One member's people during one life of its process."""

    def __init__(
        self, world: World, ledger: Ledger, member: str, database: VirtualDatabase, outbox: Outbox, clock: Clock, workload: Workload
    ) -> None:
        self._world, self._ledger, self._member = world, ledger, member
        self._database, self._outbox, self._clock, self._workload = database, outbox, clock, workload
        self._chance: Random = world.chance(f"desk {member} {world.now()}")
        self._member_of = {unit: name for name in workload.members if name != HUB for unit in units_of(name)}

    async def work(self) -> None:
        """Act until the day is over."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self._workload.pause_s(self._member)))
            if self._workload.over:
                return
            try:
                await self._act()
            except Refused as refused:
                self._world.trace(self._member, "refused", refused.refusal.code.name)

    async def _act(self) -> None:
        luck = self._chance.random()
        if self._member == HUB or luck < 0.45:
            await asyncio.gather(*[self._tell() for _ in range(self._chance.choice((1, 1, 1, 2, 5)))])
        elif luck < 0.6:
            case_id = f"case-{self._member}-{self._chance.randrange(10**9)}"
            await self._take(messages.OpenCase(case_id, self._unit(), "desk", "social", self._unit(), "question"))
        else:
            await self._step()

    async def _tell(self) -> None:
        destination = self._workload.another(self._chance, self._member)
        number = self._ledger.ask(self._member, destination)
        key, message = f"plain-{number}", plain_event(number)
        append = partial(self._outbox.append, destination=destination, message=message, now=self._clock(), key=key)
        event_id = await self._database.write(append)
        self._ledger.operations[number].accepted = True
        self._world.trace(self._member, "told", event_id, number)

    async def _step(self) -> None:
        case_id = await self._database.read(self._some_case)
        if case_id is None:
            return
        case = await self._database.read(lambda tx: cases.load(tx, case_id))
        if case is not None and (command := self._command(case)):
            await self._take(command)
            if self._chance.random() < 0.1:  # the answer was lost on its way to the desk, which asks again
                await self._take(command)

    def _some_case(self, tx: Connection) -> str | None:
        table = cases.cases
        live = select(table.c.case_id).where(table.c.state != State.CLOSED.value).order_by(table.c.case_id)
        case_ids = tx.scalars(live).all()
        return self._chance.choice(case_ids) if case_ids else None

    def _command(self, case: Case) -> messages.LaterCommand | None:
        """A step that fits the state, or one that does not."""
        sensible = self._chance.random() > 0.1
        kind, unit = _fitting(case) if sensible else (self._chance.choice(_KINDS), self._unit())
        if self._member_of.get(unit) != self._member:
            return None
        if kind == "answer" and self._chance.random() < 0.6:
            kind = "transfer"
        if kind == "accept" and self._chance.random() < 0.3:
            kind = "refuse"
        stale = case.owner_epoch > 1 and self._chance.random() < self._workload.stale
        epoch = self._chance.randrange(1, case.owner_epoch) if stale else case.owner_epoch
        signature = messages.Signature(case.case_id, f"step-{self._member}-{self._chance.randrange(10**12)}", epoch, unit, "desk")
        return self._made(kind, signature, case)

    def _made(self, kind: str, signature: messages.Signature, case: Case) -> messages.LaterCommand:
        match kind:
            case "transfer":
                return messages.TransferCase(signature, self._other_unit(case.owner.unit))
            case "accept":
                return messages.AcceptCase(signature)
            case "refuse":
                return messages.RefuseCase(signature, "not ours")
            case "answer":
                return messages.AnswerCase(signature, "answer")
            case "tell":
                return messages.TellCaller(signature)
            case _:
                return messages.CloseCase(signature)

    async def _take(self, command: messages.Command) -> None:
        """Load, decide, keep, tell: the unit of work of a node's handler."""
        head = command if isinstance(command, messages.OpenCase) else command.signature
        now = self._clock()

        def keep(tx: Connection) -> Decision[Case]:
            before = cases.load(tx, head.case_id, lock=True)
            decision = accepted(decide(Facts(before, self._member, self._member_of, CLOCKS), command, now))
            self._keep(tx, before, decision.state)
            return decision

        decision = await self._database.write(keep)
        before = decision.state.version - len(decision.events)
        for event in decision.state.history[before:]:
            self._ledger.steps[event.stamp.step_id] = event.stamp.case_id
            self._ledger.saw(event)
            self._world.trace(self._member, "step", event.stamp.case_id, event.stamp.version, type(event).__name__)

    def _keep(self, tx: Connection, before: Case | None, after: Case) -> None:
        taken = after.history[before.version if before else 0 :]
        cases.keep(tx, after, taken)
        for event in taken:
            for destination in sorted(destinations(before, after, self._member)):
                message = arrived_to_wire(event, history_for(after, event, destination))
                self._outbox.append(tx, destination=destination, message=message, key=after.case_id, now=self._clock())

    def _other_unit(self, owner: str) -> str:
        """A unit of our own or of another province."""
        member = self._workload.another(self._chance, HUB)
        return self._chance.choice([unit for unit in units_of(member) if unit != owner])

    def _unit(self) -> str:
        return self._chance.choice(units_of(self._member))


_KINDS: Final = ("transfer", "accept", "refuse", "answer", "tell", "close")


def units_of(member: str) -> tuple[str, str]:
    """The units a province has in the simulator: its own and one city."""
    return member, f"{member[:2]}0100"


def _fitting(case: Case) -> tuple[str, str]:
    if case.pending:
        return "accept", case.pending.to.unit
    if case.state in (State.OPEN, State.ACCEPTED):
        return "answer", case.owner.unit
    return ("tell" if case.state is State.ANSWERED else "close"), case.first_asked.unit
