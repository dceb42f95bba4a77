"""The accepting side: may this call have a seat, and for how long?

Seats are leased, never counted up and down: a lease ends by itself, so a crash, a split or a lost message heals within one lease,
and the leases that run at any moment, with what is promised to others, are never more than the seats there are: of all, with each skill
that the call needs, and of those kept for its source. An offer repeated is the same offer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ..coverage.seats import ALL_SEATS, Part, parts_of
from ..coverage.snapshot import Snapshot
from ..decision import Decision, Refusal, refuse
from ..registration.model import Unit
from . import codes
from .ledger import Ledger, Promise, Taken
from .machine import HOLDS_SEAT, PUT_THROUGH, HandoffState
from .model import Call

RETRY_AFTER_MAX: Final = timedelta(seconds=30)  # conversations end before their lease does
_FINAL: Final = frozenset({HandoffState.COMPLETED, HandoffState.RETURNED, HandoffState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Offer:
    """A call that another node (or this one) asks us to take.

    Args:
        id: made by the origin, unique there.
        call: the call.
        from_unit, from_member: who hands it on.
        unit: who is asked.
        expires_at: after this the answer is of no use.
        context_sha256: hash of the context, empty if there is none.
    """

    id: str
    call: Call
    from_unit: str
    from_member: str
    unit: str
    expires_at: datetime
    context_sha256: bytes = b""


@dataclass(frozen=True, slots=True)
class Lease:
    """An accepted offer: the seat is held until `held_until` and not a moment longer, whatever happens to the origin.

    Args:
        offer: what was accepted.
        state: what the origin last said of it, ACCEPTED at first.
        target: where the call is put through to.
        accepted_at, held_until: from when, until when.
        taken_by: the desktop or system that took the call; empty while none has. Known at its own node only.
        pool: the kept part of the unit's seats in which it sits, empty if none is kept.
        slot: whether it had been promised to the origin before it asked.
    """

    offer: Offer
    state: HandoffState
    target: str
    accepted_at: datetime
    held_until: datetime
    taken_by: str = ""
    pool: str = ""
    slot: bool = False

    def is_held(self, now: datetime) -> bool:
        """Whether it takes a seat at that time."""
        return self.state in HOLDS_SEAT and self.held_until > now


@dataclass(frozen=True, slots=True)
class Post:
    """What the asked unit's node knows.

    Args:
        snapshot: the directory.
        member: who it is.
        taken: seats of the unit that calls hold.
        promises: slots of the unit that were promised, by member.
    """

    snapshot: Snapshot
    member: str
    taken: Sequence[Taken]
    promises: Mapping[str, Sequence[Promise]] = field(default_factory=dict)

    def ledger(self, unit: str, now: datetime) -> Ledger:
        """How the seats of a unit are taken at a time."""
        declaration = self.snapshot.declarations.get(unit)
        return Ledger(parts_of(declaration) if declaration else (), self.taken, self.promises, now)

    def source_of(self, offer: Offer) -> str:
        """The unit that hands the call on, if the member that offers it serves that unit; otherwise nobody's."""
        unit = self.snapshot.units.get(offer.from_unit)
        return offer.from_unit if unit is not None and unit.member == offer.from_member else ""


def serves(unit: Unit, member: str) -> bool:
    """Whether a member takes calls for a unit: it serves it, or it is the unit's own node or its province's.

    While a unit moves between those two, some members have the directory of before and some the next one, who asks as well as who is asked:
    each of the two puts the call through to the unit's own address, so nobody is turned away in between. Who is up to date asks but one.
    """
    return member in (unit.member, unit.code, unit.province)


def consider(offer: Offer, known: Lease | None, post: Post, hold: timedelta, now: datetime) -> Decision[Lease] | Refusal:
    """Decide whether to take a call.

    Args:
        offer: what is asked.
        known: what was decided under the same id of the same origin, if anything.
        post: what this node knows.
        hold: for how long a seat is held until the call is put through.
        now: aware time.
    """
    if known:
        return _repeat(offer, known, now)
    if now >= offer.expires_at:
        return refuse(codes.OFFER_EXPIRED, offer=offer.id)
    unit = post.snapshot.units.get(offer.unit)
    if unit is None or not serves(unit, post.member):
        return refuse(codes.UNIT_NOT_SERVED_HERE, unit=offer.unit, member=post.member)
    if offer.unit == offer.from_unit or offer.unit in offer.call.visited:
        return refuse(codes.LOOP, unit=offer.unit)
    entry = post.snapshot.plans[unit.code][0]  # a unit is the first owner of its own region
    verdict = entry.verdict(offer.call.topic, offer.call.language, post.snapshot.local(now))
    if verdict:
        return refuse(codes.UNIT_CANNOT_ANSWER, unit=offer.unit, verdict=verdict.value)
    seat = seat_for(offer, post, now)
    if isinstance(seat, Refusal):
        return seat
    pool, slot = seat
    return Decision(Lease(offer, HandoffState.ACCEPTED, entry.declaration.target, now, now + hold, pool=pool, slot=slot))


def note(lease: Lease, to: HandoffState, post: Post, hold: timedelta, now: datetime) -> Decision[Lease] | Refusal:
    """Take notice of what the origin says became of the call; what is older than what is known changes nothing.

    Args:
        lease: what was accepted.
        to: CONNECTED or CONFERENCE (again: renews the lease), COMPLETED, RETURNED or EXPIRED.
        post: what this node knows; a lease that has ended is only renewed while a seat is free.
        hold: for how long a conversation holds its seat without being renewed.
        now: aware time.
    """
    if lease.state in _FINAL:
        return Decision(lease)
    if to in PUT_THROUGH:
        return Decision(replace(lease, state=to, held_until=_renewed(lease, post, hold, now)))
    if to in _FINAL:
        return Decision(replace(lease, state=to, held_until=min(lease.held_until, now)))
    return refuse(codes.HANDOFF_STEP, id=lease.offer.call.id, state=lease.state.value, to=to.value)


def _repeat(offer: Offer, known: Lease, now: datetime) -> Decision[Lease] | Refusal:
    # A repeat may carry a later end of the waiting time; everything else is what was asked before.
    if replace(offer, expires_at=known.offer.expires_at) != known.offer:
        return refuse(codes.OFFER_OTHER_CONTENT, offer=offer.id)
    return Decision(known) if known.is_held(now) else refuse(codes.OFFER_EXPIRED, offer=offer.id)


def _renewed(lease: Lease, post: Post, hold: timedelta, now: datetime) -> datetime:
    return now + hold if lease.is_held(now) or isinstance(seat_for(lease.offer, post, now), tuple) else lease.held_until


def seat_for(offer: Offer, post: Post, now: datetime) -> tuple[str, bool] | Refusal:
    """Where a call would sit: the kept part, and whether its seat was promised; or which seats are wanting, and when to ask again."""
    ledger, call, member, source = post.ledger(offer.unit, now), offer.call, offer.from_member, post.source_of(offer)
    needed = [part for part in ledger.parts if not part.kept and part.takes(source, call.topic, call.language)]
    short = next((part for part in needed if not ledger.is_free(member, part)), None)
    if short is not None or not needed:
        return _wanting(offer.unit, short, ledger, now)
    kept = [part for part in ledger.parts if part.kept]
    fitting = [part for part in kept if part.takes(source, call.topic, call.language)]
    pool = next((part for part in fitting if ledger.is_free(member, part)), None)
    if kept and pool is None:
        return _kept_for_others(offer, fitting, ledger, now)
    taken = [*needed, pool] if pool else needed
    return pool.name if pool else "", all(ledger.has_slot(member, part) for part in taken)


def _wanting(unit: str, short: Part | None, ledger: Ledger, now: datetime) -> Refusal:
    after = ledger.free_at([short] if short else [], RETRY_AFTER_MAX)
    if short is None or short.name == ALL_SEATS:
        return refuse(codes.NO_SEAT_FREE, retry_after=after, unit=unit, seats=short.seats if short else 0)
    words = {"topic": "".join(short.topics) or "*", "language": short.language or "*"}
    return refuse(codes.NO_SEAT_WITH_SKILL, retry_after=after, unit=unit, seats=short.seats, **words)


def _kept_for_others(offer: Offer, fitting: Sequence[Part], ledger: Ledger, now: datetime) -> Refusal:
    seats, after = sum(part.seats for part in fitting), ledger.free_at(fitting, RETRY_AFTER_MAX)
    return refuse(codes.SEATS_KEPT, retry_after=after, unit=offer.unit, source=offer.from_unit[:6], seats=seats)
