"""Slots of a unit's seats promised to other members for seconds, so that they need not ask during a call whether a seat is free.

The unit's node grants, the others renew in the background; a promise that is not renewed ends by itself, and nothing is ever counted up
or down. A holder counts the term from when it asked, by a little less than it is; the granter from when it answered: so what holders
believe is at any moment within what is promised, whatever is lost, late or doubled, as long as clocks run at one speed within `DRIFT`.
Of seats that are for everybody, half of those free at most are promised: who never asked finds a seat too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ..coverage.model import ALL_SOURCES
from ..coverage.seats import ALL_SEATS, Part
from .ledger import Ledger, Promise, Taken
from .model import Call, PartSlots, Slots
from .shares import even_shares

TERM: Final = timedelta(seconds=12)
RENEW: Final = timedelta(seconds=3)  # so that three renewals may be lost
DRIFT: Final = 0.02  # clocks differ in speed by less
WANTED_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Account:
    """What a member was promised at a unit, and how many free slots of each part it wanted when it asked last."""

    promises: tuple[Promise, ...] = ()
    wanted: Mapping[str, int] = field(default_factory=dict)


class Line(NamedTuple):
    """What a member has of one part: slots promised, its calls that run there included; those calls; seats open to whoever comes first."""

    part: str
    slots: int
    used: int
    open: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What was granted: the account as it is to be kept, and what the holder is told. No lines: it gave everything back."""

    account: Account
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Seats:
    """A unit at a moment: its parts, the seats that calls hold, and the accounts of members."""

    parts: Sequence[Part]
    taken: Sequence[Taken]
    accounts: Mapping[str, Account]

    def ledger(self, now: datetime) -> Ledger:
        """The same, ready for questions."""
        return Ledger(self.parts, self.taken, {name: account.promises for name, account in self.accounts.items()}, now)


def grant(seats: Seats, member: str, units: Collection[str], wanted: Mapping[str, int], seen: datetime | None, now: datetime) -> Granted:
    """Promise slots to a member until a term from now.

    Args:
        seats: the unit.
        member: who asks.
        units: the units that it serves; only what is kept for one of them, or for everybody, is for it.
        wanted: by part, how many free slots it would have; empty: it gives back what it has.
        seen: `at` of the newest promise that it goes by; it has forgotten all before.
        now: aware, by the granter's clock; later than any promise so far, or nothing new is promised.
    """
    account = seats.accounts.get(member, Account())
    valid = tuple(one for one in account.promises if one.until > now and (seen is None or one.at >= seen))
    if not wanted:
        return Granted(Account(tuple(one for one in valid if one.at != seen)), ())
    before = _with(seats, member, Account(valid, wanted))
    ledger = before.ledger(now)
    ours = [part for part in seats.parts if part.is_for_any(units)]
    slots = {part.name: _slots(part, before, ledger, member, now) for part in ours}
    if any(part.kept for part in ours):  # each call sits in one of them
        slots[ALL_SEATS] = min(slots[ALL_SEATS], sum(slots[part.name] for part in ours if part.kept))
    promised = Account((*(one for one in valid if not _covered(one, slots, now)), Promise(now, now + TERM, slots)), wanted)
    return Granted(promised, _lines(_with(seats, member, promised), member, slots, now))


def nothing_granted(seats: Seats, member: str, units: Collection[str], now: datetime) -> tuple[Line, ...]:
    """What a member is told while nothing may be promised: what its calls take, and what is open."""
    return _lines(seats, member, {part.name: 0 for part in seats.parts if part.is_for_any(units)}, now)


def _with(seats: Seats, member: str, account: Account) -> Seats:
    return replace(seats, accounts={**seats.accounts, member: account})


def _lines(seats: Seats, member: str, slots: Mapping[str, int], now: datetime) -> tuple[Line, ...]:
    ledger = seats.ledger(now)
    told = (part for part in seats.parts if part.name in slots)
    return tuple(Line(part.name, slots[part.name], ledger.uses(member, part), ledger.left(part)) for part in told)


def _slots(part: Part, seats: Seats, ledger: Ledger, member: str, now: datetime) -> int:
    """A member's fair share of a part, as far as others have not been promised it."""
    floors = {each: ledger.uses(each, part) for each in {*ledger.members(), member}}
    wants = {each: used + _wants(seats.accounts.get(each), part, now, asks=each == member) for each, used in floors.items()}
    share = even_shares(_shared(part, seats.parts, sum(floors.values())), wants, floors)[member]
    return max(0, min(share, part.seats - ledger.committed(part, but=member)))


def _wants(account: Account | None, part: Part, now: datetime, *, asks: bool) -> int:
    """How many more a member wants, as long as it asks."""
    if account is None or not (asks or any(one.until > now for one in account.promises)):
        return 0
    return min(max(account.wanted.get(part.name, 0), 0), WANTED_MAX)


def _shared(part: Part, parts: Sequence[Part], used: int) -> int:
    """How many seats of a part may be taken or promised: all of what is kept for somebody, half of what would be free to everybody."""
    whole = part.source != ALL_SOURCES or (part.name == ALL_SEATS and any(each.kept for each in parts))
    return part.seats if whole else used + max(0, part.seats - used) // 2


def _covered(one: Promise, slots: Mapping[str, int], now: datetime) -> bool:
    """Whether an older promise says nothing that the new one does not."""
    return one.until <= now + TERM and all(slots.get(name, 0) >= count for name, count in one.slots.items())


class Answer(NamedTuple):
    """What a granter answered about a unit: the epoch of its database, when by its clock, for how long, and what."""

    epoch: int
    at: datetime
    term: timedelta
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a holder goes by at one unit.

    Args:
        answer: the newest.
        until: until when it counts, by our clock.
        slots: what is left of it, as decisions read it.
    """

    answer: Answer
    until: datetime
    slots: Slots


def held(known: Holding | None, answer: Answer, parts: Sequence[Part], asked_at: datetime) -> Holding | None:
    """What to go by after an answer: what was known, if that is newer and still counts; nothing, if it says nothing of all seats.

    Args:
        known: what we go by.
        answer: what the granter said.
        parts: of the unit, as our directory has it.
        asked_at: when we asked, by our clock.
    """
    if known is not None and known.until > asked_at and (answer.epoch, answer.at) <= (known.answer.epoch, known.answer.at):
        return known
    until = asked_at + max(timedelta(), min(answer.term, TERM)) * (1 - DRIFT)
    free = {line.part: max(0, line.slots - line.used) + max(0, line.open) for line in answer.lines}
    usable = tuple(PartSlots(part, free[part.name]) for part in parts if part.name in free and part.name != ALL_SEATS)
    if ALL_SEATS not in free:
        return None
    return Holding(answer, until, Slots(free[ALL_SEATS], until, usable))


def spent(holding: Holding, call: Call) -> Holding:
    """What is left to go by after a call of ours was taken; the next answer says it better."""
    sits, left = False, list[PartSlots]()
    for each in holding.slots.parts:
        counts = each.takes(call) and not (each.part.kept and (sits or each.free <= 0))
        sits = sits or (counts and each.part.kept)
        left.append(replace(each, free=max(0, each.free - 1)) if counts else each)
    return replace(holding, slots=Slots(max(0, holding.slots.free - 1), holding.until, tuple(left)))
