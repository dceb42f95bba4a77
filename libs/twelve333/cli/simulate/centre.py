"""A unit's centre: its seats, who waits, and whom it owes a callback. Seats and callbacks by the production rules."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from ...core.coverage.snapshot import Snapshot
from ...core.decision import Decision, Refusal
from ...core.routing import callbacks
from ...core.routing.callbacks import Callback
from ...core.routing.ledger import Taken
from ...core.routing.model import LastResortKind
from ...core.routing.offers import Lease, Offer, Post, consider
from .traffic import Caller

REACHED: Final = 0.8  # share of callers whom a callback reaches
HOLD: Final = timedelta(seconds=30)


@dataclass(slots=True)
class Centre:
    """One open unit.

    Args:
        unit: its code.
        member: whose node serves it.
        seats: consultants.
        talking: seats taken, by number of the call.
        waiting: callers in the queue, the first one first; those who hung up are skipped.
        line: callbacks and messages that are owed, by call.
        longest_wait: seconds that somebody waited here at most, of those who were answered.
    """

    unit: str
    member: str
    seats: int
    talking: dict[int, Taken] = field(default_factory=dict)
    waiting: deque[Caller] = field(default_factory=deque)
    line: dict[str, Callback] = field(default_factory=dict)
    longest_wait: float = 0.0

    @property
    def free(self) -> int:
        """Consultants who do nothing."""
        return max(0, self.seats - len(self.talking))

    def sit(self, number: int, until: datetime, caller: Caller) -> None:
        """Give a call of this unit's own a seat."""
        self.talking[number] = Taken(until, self.member, self.unit, caller.topic, "zh")

    def offered(self, offer: Offer, snapshot: Snapshot, now: datetime) -> Decision[Lease] | Refusal:
        """Whether a call from elsewhere gets a seat: as the node decides."""
        return consider(offer, None, Post(snapshot, self.member, tuple(self.talking.values())), HOLD, now)

    def next_waiting(self) -> Caller | None:
        """The first in the queue who is still there."""
        while self.waiting and self.waiting[0].gone:
            self.waiting.popleft()
        return self.waiting[0] if self.waiting else None

    def next_callback(self, now: datetime) -> Callback | None:
        """The callback whose turn it is, if a seat is free for it."""
        return callbacks.next_in_line(self.line.values(), self._seat, now) if self.line else None

    def _seat(self, _: Callback) -> str | None:
        """A seat among everybody's, if one is free; the units of 2013 keep none for anybody."""
        return "" if self.free else None

    def owe(self, callback: Callback, now: datetime) -> None:
        """Put a callback or a message into the line."""
        self.line[callback.call.id] = callbacks.enter(callback, now)

    def call_back(self, callback: Callback, chance: Random, now: datetime) -> Callback:
        """Take a callback and ring; what became of it, at the end of the conversation."""
        opened = _decided(callbacks.take_callback(callback, self.unit, callback.call.id, now))
        reached = callback.kind is not LastResortKind.CALLBACK or chance.random() < REACHED
        ended = _decided(callbacks.finish(opened, self.unit) if reached else callbacks.miss(opened, self.unit, now))
        del self.line[callback.call.id]
        if ended.state is callbacks.CallbackState.WAITING:
            self.line[callback.call.id] = ended
        return ended


def centres_of(snapshot: Snapshot) -> dict[str, Centre]:
    """The open units by code."""
    return {code: Centre(code, snapshot.units[code].member, each.seats) for code, each in snapshot.declarations.items()}


def _decided(outcome: Decision[Callback] | Refusal) -> Callback:
    assert isinstance(outcome, Decision)  # noqa: S101 - the day asks only for what the state allows
    return outcome.state
