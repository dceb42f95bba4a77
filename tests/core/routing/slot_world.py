"""A unit's node, three members that hold slots of it, and a network that loses, delays and doubles: from a seed, with wrong clocks."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

from twelve333.core.coverage.model import Grant, SkillSeats
from twelve333.core.coverage.seats import Part, parts_of
from twelve333.core.decision import Decision
from twelve333.core.routing.ledger import Taken
from twelve333.core.routing.model import Call
from twelve333.core.routing.offers import Lease, Offer, Post, consider
from twelve333.core.routing.slots import RENEW, TERM, Account, Answer, Holding, Seats, grant, held, nothing_granted, spent
from twelve333.testing.directory import a_declaration, a_snapshot, a_unit

START = datetime(2014, 1, 24, 2, 0, tzinfo=UTC)
UNIT, HOME = "350100", "350000"
HOLDERS = {"360000": ("360400", "360100"), "440000": ("440300",), "650000": ("650100",)}
SKILLS = (SkillSeats("", "ug", 2),)
GRANTS = (Grant("360000", 3), Grant("440300", 1, ("03",)))
TALK = timedelta(minutes=30)


@dataclass
class Clock:
    """A clock that is wrong by a fixed time and runs a little too fast or too slow."""

    offset: timedelta
    speed: float

    def at(self, seconds: float) -> datetime:
        return START + self.offset + timedelta(seconds=seconds * self.speed)


@dataclass
class Holder:
    """A member's node: what it goes by, and its calls at the unit."""

    clock: Clock
    holding: Holding | None = None


@dataclass
class World:
    """Everything at one moment; `seconds` is real time."""

    chance: Random
    seats: int
    seconds: float = 0.0
    loss: float = 0.0
    cut: set[str] = field(default_factory=set)
    epoch: int = 1
    quiet_until: float = 0.0
    accounts: dict[str, Account] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)  # the granter's, durable
    real: dict[str, str] = field(default_factory=dict)  # calls that are spoken, by offer, and whose
    owed: list[str] = field(default_factory=list)  # promises in hand that were not kept

    def __post_init__(self) -> None:
        units = [a_unit(HOME), a_unit(UNIT), *(a_unit(code) for codes in HOLDERS.values() for code in codes)]
        declared = [a_declaration(each.code, seats=self.seats, languages=("zh", "ug")) for each in units]
        if self.seats >= 6:
            declared[1] = a_declaration(UNIT, seats=self.seats, languages=("zh", "ug"), skills=SKILLS, grants=GRANTS)
        self.snapshot = a_snapshot(units, declared)
        self.parts: tuple[Part, ...] = parts_of(self.snapshot.declarations[UNIT])
        self.clock = self._clock()
        self.holders = {member: Holder(self._clock()) for member in HOLDERS}
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._order, self._calls = count(), count()

    def _clock(self) -> Clock:
        return Clock(timedelta(seconds=self.chance.uniform(-300, 300)), self.chance.uniform(0.995, 1.005))

    @property
    def now(self) -> datetime:
        return self.clock.at(self.seconds)

    def taken(self) -> list[Taken]:
        now = self.now
        running = [lease for lease in self.leases.values() if lease.is_held(now)]
        return [
            Taken(it.held_until, it.offer.from_member, it.offer.from_unit, it.offer.call.topic, it.offer.call.language, it.pool)
            for it in running
        ]

    def book(self) -> Seats:
        return Seats(self.parts, self.taken(), self.accounts)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what is on its way arrive."""
        until = self.seconds + seconds
        while self._events and self._events[0][0] <= until:
            self.seconds, _, happen = heapq.heappop(self._events)
            happen()
        self.seconds = until

    def send(self, member: str, arrive: Callable[[], object], most: float = 4.0) -> None:
        """A message between a member and the unit's node: lost, late, out of order, twice."""
        if member in self.cut or self.chance.random() < self.loss:
            return
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            heapq.heappush(self._events, (self.seconds + self.chance.uniform(0, most), next(self._order), arrive))

    def renew(self, member: str, wanted: int) -> None:
        """A holder asks in the background, or gives back all it has."""
        holder = self.holders[member]
        asked_at, seen = holder.clock.at(self.seconds), holder.holding.answer.at if holder.holding else None
        wants = {part.name: wanted for part in self.parts} if wanted else {}
        if not wants:
            holder.holding = None
        self.send(member, lambda: self._asked(member, wants, seen, asked_at))

    def _asked(self, member: str, wants: dict[str, int], seen: datetime | None, asked_at: datetime) -> None:
        now, codes = self.now, HOLDERS[member]
        lines = nothing_granted(self.book(), member, codes, now)
        if not wants or self.seconds >= self.quiet_until:
            granted = grant(self.book(), member, codes, wants, seen, now)
            self.accounts[member], lines = granted.account, granted.lines
        if wants:
            answer = Answer(self.epoch, now, TERM, lines)
            self.send(member, lambda: self._answered(member, answer, asked_at))

    def _answered(self, member: str, answer: Answer, asked_at: datetime) -> None:
        holder = self.holders[member]
        holder.holding = held(holder.holding, answer, self.parts, asked_at)

    def call(self, member: str, topic: str, language: str) -> None:
        """A call of a holder's is offered at once; a holder without slots offers too."""
        number, source, holder = next(self._calls), self.chance.choice(HOLDERS[member]), self.holders[member]
        call = Call(f"h{number}", UNIT, topic=topic, language=language, visited=(source,))
        offer = Offer(f"h{number}.{UNIT}", call, source, member, UNIT, self.now + TERM)
        accounts = {name: account.promises for name, account in self.accounts.items()}
        outcome = consider(offer, None, Post(self.snapshot, HOME, self.taken(), accounts), TALK, self.now)
        if isinstance(outcome, Decision):
            self.leases[offer.id], self.real[offer.id] = outcome.state, member
            holder.holding = spent(holder.holding, call) if holder.holding else None
        elif self._in_hand(member, call):
            self.owed.append(f"{offer.id} {outcome.code.name}")

    def _in_hand(self, member: str, call: Call) -> bool:
        """Whether the holder rightly believes to have a slot in each part that the call needs."""
        holder = self.holders[member]
        holding = holder.holding
        if holding is None or holding.answer.epoch != self.epoch or holding.until <= holder.clock.at(self.seconds):
            return False
        ledger, parts = self.book().ledger(self.now), {part.name: part for part in self.parts}
        free = {line.part: line.slots - ledger.uses(member, parts[line.part]) for line in holding.answer.lines}
        needed = [part for part in self.parts if part.is_about(call.topic, call.language) and part.is_for(call.visited[0])]
        limits = all(free.get(part.name, 0) > 0 for part in needed if not part.kept)
        kept = [part for part in needed if part.kept]
        return limits and (not any(part.kept for part in self.parts) or any(free.get(part.name, 0) > 0 for part in kept))

    def hang_up(self, lost: bool) -> None:
        """A conversation ends; the notice may be lost, and the lease then ends by itself."""
        if self.real:
            offer = self.chance.choice(sorted(self.real))
            member = self.real.pop(offer)
            if not lost:
                self.send(member, lambda: self.leases.pop(offer, None) and None)

    def burst(self, member: str) -> None:
        """Eight calls at once."""
        for _ in range(8):
            self.call(member, "", "zh")

    def all_hang_up(self) -> None:
        """All conversations end."""
        while self.real:
            self.hang_up(lost=False)

    def heal(self) -> None:
        """The network is well again."""
        self.loss, self.cut = 0.0, set()

    def restore(self) -> None:
        """The granter's database is put back to where nothing was promised yet: a new epoch, and a term of promising nothing."""
        self.epoch, self.accounts, self.quiet_until = self.epoch + 1, {}, self.seconds + TERM.total_seconds() * 1.02

    def committed(self) -> dict[str, tuple[int, int]]:
        """By part: what is taken and promised, and how many seats there are."""
        ledger = self.book().ledger(self.now)
        return {part.name: (ledger.committed(part), part.seats) for part in self.parts}

    def believed(self) -> dict[str, tuple[int, int]]:
        """By part: what holders believe to hold or use, and how many seats there are."""
        found, ledger = {}, self.book().ledger(self.now)
        for part in self.parts:
            total = 0
            for member, holder in self.holders.items():
                holding = holder.holding
                counts = holding is not None and holding.until > holder.clock.at(self.seconds)
                lines = holding.answer.lines if counts and holding else ()
                total += max(ledger.uses(member, part), max((it.slots for it in lines if it.part == part.name), default=0))
            found[part.name] = (total, part.seats)
        return found


def renewals(world: World, steps: int) -> None:
    """So many rounds of renewing, by all, without faults."""
    world.heal()
    for _ in range(steps):
        for member in world.holders:
            world.renew(member, 2)
        world.pass_time(RENEW.total_seconds())
