"""How old the hub's last word about the directory may be, and what a confirmation that comes is worth.

The hub confirms every few seconds that a version is the present one. A node that hears nothing new knows how long it has been cut off,
or fed with old copies. Nothing expires into an outage: three levels, and existing rights go on at each.

Rules: fresh for 24 h; stale for 72 h, worked with and flagged; overdue afterwards, worked with and said loudly. A confirmation never goes
back in time; one that stands still while the hub answers means a copy is played; clocks that differ are an alarm, never a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..decision import Code, Kind, Refusal, refuse

FRESH_FOR: Final = timedelta(hours=24)
STALE_FOR: Final = timedelta(hours=72)
CLOCKS_DIFFER: Final = timedelta(minutes=10)
FROZEN_AFTER: Final = timedelta(hours=1)  # a hub that answers and has confirmed nothing for so long is not the hub, or its clock is off

CONFIRMATION_WENT_BACK: Final = Code("REGISTRATION_CONFIRMATION_WENT_BACK", Kind.PEER_VIOLATION)
CONFIRMATION_FROM_FUTURE: Final = Code("REGISTRATION_CONFIRMATION_FROM_FUTURE", Kind.CONFLICT)
DIRECTORY_FROZEN: Final = Code("REGISTRATION_DIRECTORY_FROZEN", Kind.PEER_VIOLATION)
CONFIRMATION_OTHER: Final = Code("REGISTRATION_CONFIRMATION_OTHER", Kind.PEER_VIOLATION)


class Freshness(StrEnum):
    """The three levels."""

    FRESH = "fresh"
    STALE = "stale"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Limits:
    """From which age on a directory is stale, and overdue."""

    stale: timedelta = FRESH_FOR
    overdue: timedelta = STALE_FOR


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the hub confirmed last.

    Args:
        signed_at: the hub's time in it; confirmations never go back behind it.
        confirmed_at: from when on we count its age: that time, or our own when ours is behind.
    """

    signed_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What a confirmation came to: the one to go by from now on, and an alarm if something is wrong with it."""

    kept: Confirmation
    alarm: Refusal | None = None


def level(confirmed_at: datetime, now: datetime, limits: Limits) -> Freshness:
    """How fresh a directory is that was last confirmed then; a clock that went back makes nothing old."""
    age = now - confirmed_at
    if age < limits.stale:
        return Freshness.FRESH
    return Freshness.STALE if age < limits.overdue else Freshness.OVERDUE


def from_future(signed_at: datetime, now: datetime) -> Refusal | None:
    """An alarm, if the hub says that it made or signed something later than it can be here: our clock is off, or its word is not to be
    compared with others' words by its time."""
    if signed_at <= now + CLOCKS_DIFFER:
        return None
    theirs, ours = (moment.isoformat(timespec="seconds") for moment in (signed_at, now))
    return refuse(CONFIRMATION_FROM_FUTURE, theirs=theirs, ours=ours)


def hear(held: Confirmation, signed_at: datetime, now: datetime) -> Heard:
    """Decide what a confirmation is worth whose signature, and the directory it names, have been checked.

    Args:
        held: the last one.
        signed_at: the hub's time in it.
        now: our time when it came.
    """
    ours, theirs = (moment.isoformat(timespec="seconds") for moment in (now, signed_at))
    if ahead := from_future(signed_at, now):  # not kept: a clock that is set right must not look like one that goes back
        return Heard(Confirmation(held.signed_at, now), ahead)
    if signed_at < held.signed_at - CLOCKS_DIFFER:
        return Heard(held, refuse(CONFIRMATION_WENT_BACK, theirs=theirs, held=held.signed_at.isoformat(timespec="seconds")))
    kept = Confirmation(max(signed_at, held.signed_at), max(min(signed_at, now), held.confirmed_at))
    frozen = now - signed_at > FROZEN_AFTER
    return Heard(kept, refuse(DIRECTORY_FROZEN, theirs=theirs, ours=ours) if frozen else None)
