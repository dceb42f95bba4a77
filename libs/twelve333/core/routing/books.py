"""The books of calls: what came in is what waits, what is spoken and what has ended; whatever is missing is a lost call, and an alarm.

Two accounts that know nothing of each other are compared: the calls that this process counted as they came, and those that the database
holds; and each call that the database holds must be somewhere where it cannot stay unnoticed: with a seat that is held, or over.
Why: in the outage of the emergency calls of Washington State in 2014 six hours passed before anybody saw that calls went in and did not
come out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from .machine import HOLDS_SEAT, PUT_THROUGH, HandoffState

ALARM_AFTER: Final = timedelta(seconds=60)  # what is told apart for so long is no accident of the moment
GRACE: Final = timedelta(seconds=30)  # beyond the time for which a seat is held, until the sweep has been there
WINDOW: Final = timedelta(hours=24)


class Direction(StrEnum):
    """Whose books: of calls that this node hands on, or of those that others hand to it."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Kept(NamedTuple):
    """So many calls in the database are in this state; `held`: their seats are still held; `before`: from before this process began."""

    state: HandoffState
    held: bool
    before: bool
    calls: int


@dataclass(frozen=True, slots=True)
class Books:
    """The books of one direction, of the last day.

    Args:
        direction: which.
        came: calls that came in.
        placing: for which a unit is sought at this moment.
        waiting: taken by a unit, not put through yet.
        talking: put through.
        ended: over, in whatever way; a last resort too.
        failed: answered with an error; the consultant still has them.
    """

    direction: Direction
    came: int
    placing: int
    waiting: int
    talking: int
    ended: int
    failed: int

    @property
    def missing(self) -> int:
        """Calls that came in and are nowhere; below 0 for the moment in which a call is recorded and still being placed."""
        return self.came - self.placing - self.waiting - self.talking - self.ended - self.failed

    def words(self) -> str:
        """The sum, in numbers."""
        parts = ", ".join(f"{getattr(self, name)} {name}" for name in ("placing", "waiting", "talking", "ended", "failed", "missing"))
        return f"{self.direction}: {self.came} in, {parts}"


def outgoing(kept: Iterable[Kept], recorded: int, placing: int, overdue: int, failed: int) -> Books:
    """The books of calls handed on.

    Args:
        kept: what the database holds.
        recorded: calls that this process recorded.
        placing: calls for which it seeks a unit.
        overdue: of those, how many it has sought one for longer than it may.
        failed: calls that it answered with an error.
    """
    rows = list(kept)
    came = recorded + placing + failed + sum(row.calls for row in rows if row.before)
    waiting = sum(row.calls for row in rows if row.state is HandoffState.ACCEPTED and row.held)
    return Books(Direction.OUTGOING, came, placing - overdue, waiting, _talking(rows), _ended(rows), failed)


def incoming(kept: Iterable[Kept], accepted: int) -> Books:
    """The books of calls taken from others; a seat that was never used is free after its time, and then the call is over here.

    Args:
        kept: what the database holds.
        accepted: calls that this process accepted.
    """
    rows = list(kept)
    came = accepted + sum(row.calls for row in rows if row.before)
    waiting = sum(row.calls for row in rows if row.state is HandoffState.ACCEPTED and row.held)
    never_used = sum(row.calls for row in rows if row.state is HandoffState.ACCEPTED and not row.held)
    return Books(Direction.INCOMING, came, 0, waiting, _talking(rows), _ended(rows) + never_used, 0)


def _talking(rows: Iterable[Kept]) -> int:
    return sum(row.calls for row in rows if row.state in PUT_THROUGH and row.held)


def _ended(rows: Iterable[Kept]) -> int:
    return sum(row.calls for row in rows if row.state not in HOLDS_SEAT)


@dataclass(frozen=True, slots=True)
class Watch:
    """Since when books do not balance, and whether that was said."""

    since: datetime | None = None
    said: bool = False


def look(watch: Watch, books: Books, now: datetime) -> tuple[Watch, bool]:
    """Look at the books again: what to remember, and whether to raise the alarm now, once for each time they go wrong."""
    if books.missing <= 0:
        return Watch(), False
    since = watch.since or now
    alarm = not watch.said and now - since >= ALARM_AFTER
    return Watch(since, watch.said or alarm), alarm
