"""The accepting side: may this call have a seat, and for how long?

Seats are leased, never counted up and down: a lease ends by itself, so a crash, a split or a lost message heals within one lease,
and the leases that run at any moment are never more than the seats there are. An offer repeated is the same offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ..coverage.snapshot import Snapshot
from ..decision import Decision, Refusal, refuse
from . import codes
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
    """

    offer: Offer
    state: HandoffState
    target: str
    accepted_at: datetime
    held_until: datetime
    taken_by: str = ""

    def is_held(self, now: datetime) -> bool:
        """Whether it takes a seat at that time."""
        return self.state in HOLDS_SEAT and self.held_until > now


@dataclass(frozen=True, slots=True)
class Post:
    """What the asked unit's node knows: the directory, who it is, and the leases of the unit that run, by their ends."""

    snapshot: Snapshot
    member: str
    running: Sequence[datetime]


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
    if unit is None or unit.member != post.member:
        return refuse(codes.UNIT_NOT_SERVED_HERE, unit=offer.unit, member=post.member)
    if offer.unit == offer.from_unit or offer.unit in offer.call.visited:
        return refuse(codes.LOOP, unit=offer.unit)
    entry = post.snapshot.plans[unit.code][0]  # a unit is the first owner of its own region
    verdict = entry.verdict(offer.call.topic, offer.call.language, post.snapshot.local(now))
    if verdict:
        return refuse(codes.UNIT_CANNOT_ANSWER, unit=offer.unit, verdict=verdict.value)
    if len(post.running) >= entry.declaration.seats:
        return refuse(codes.NO_SEAT_FREE, retry_after=_retry_after(post.running, now), unit=offer.unit, seats=entry.declaration.seats)
    return Decision(Lease(offer, HandoffState.ACCEPTED, entry.declaration.target, now, now + hold))


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
    declaration = post.snapshot.declarations.get(lease.offer.unit)
    seat_free = declaration is not None and len(post.running) < declaration.seats
    return now + hold if lease.is_held(now) or seat_free else lease.held_until


def _retry_after(running: Sequence[datetime], now: datetime) -> timedelta:
    return min(min(running, default=now + RETRY_AFTER_MAX) - now, RETRY_AFTER_MAX)
