"""What a unit owes callers whom nobody could take: callbacks and messages left, in one line whose fairness is written down.

1. A caller keeps the place he had: the line is by the time his call was placed, however often he was missed.
2. Priority is a bounded start: each level (0-9) counts as `HEAD_START` waited. Who came more than nine of them earlier is never passed
   over, so nobody starves.
3. Nobody picks: who asks gets the first in line whose time has come.
4. An open callback holds a seat of the unit like any call, so there are never more open than seats are free.
5. Who was missed is tried again after a pause. Missed twice, the callback is offered by itself: it rings at the unit's desktops as soon
   as its turn comes and a seat is free. Missed a third time it is given back to the unit that was asked first, which gets a case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..decision import Decision, Refusal, refuse
from . import codes
from .context import ContextItem
from .model import Call, LastResortKind

HEAD_START: Final = timedelta(minutes=2)  # of each level of priority
PAUSE_AFTER_MISS: Final = timedelta(minutes=10)
RINGS_FOR: Final = timedelta(seconds=60)
RINGS_AGAIN_AFTER: Final = timedelta(minutes=2)
HELD_FOR: Final = timedelta(minutes=15)  # a callback that nobody speaks of again counts as missed
OFFERED_AFTER_MISSES: Final = 2
MISSES_MAX: Final = 3
OLDEST: Final = timedelta(days=1)  # no origin may say that a caller has waited for longer
_NUMBER: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_REFERENCE: Final = re.compile(r"[!-~]{1,255}", re.ASCII)
SHA256_BYTES: Final = 32


Seat = Callable[["Callback"], str | None]  # the kept part in which a callback may sit now (empty: none is kept); None: no seat is free


class CallbackState(StrEnum):
    """Where a callback stands."""

    WAITING = "waiting"
    RINGING = "ringing"  # offered by itself; holds a seat
    OPEN = "open"  # somebody has it; holds a seat
    DONE = "done"
    GIVEN_BACK = "given_back"  # missed too often


HOLDS: Final = frozenset({CallbackState.RINGING, CallbackState.OPEN})


@dataclass(frozen=True, slots=True)
class Callback:
    """One of them, without anything personal.

    Args:
        call: the call that nobody took; its id names the callback.
        from_unit, from_member: who was asked, and is told in the end.
        unit: who calls back.
        kind: CALLBACK, or VOICEMAIL for a message to be heard.
        entered_at: when the call was placed, which is its place in the line.
        state: where it stands.
        misses: how often the caller was not reached.
        not_before: not tried before that.
        held_until: until when it holds a seat; None while it holds none.
        taken_by, take_id: who has it, and the id of that taking.
        pool: the kept part of the unit's seats in which it sits, empty if none is kept.
    """

    call: Call
    from_unit: str
    from_member: str
    unit: str
    kind: LastResortKind
    entered_at: datetime
    state: CallbackState = CallbackState.WAITING
    misses: int = 0
    not_before: datetime | None = None
    held_until: datetime | None = None
    taken_by: str = ""
    take_id: str = ""
    pool: str = ""

    @property
    def turn(self) -> tuple[datetime, str]:
        """Its place: the time of entry less the start that its priority gives."""
        return self.entered_at - self.call.priority * HEAD_START, self.call.id


@dataclass(frozen=True, slots=True)
class Wish:
    """What the caller left; only who takes the callback sees it.

    Args:
        number: where to call back; empty for a message.
        recording, recording_sha256: where the message is kept, and its hash; empty for a callback.
        items: what he told so far.
    """

    number: str = ""
    recording: str = ""
    recording_sha256: bytes = b""
    items: tuple[ContextItem, ...] = ()


def check_wish(kind: LastResortKind, wish: Wish) -> Refusal | None:
    """Refuse a callback without a number that can be dialled, a message without reference or hash. Never repeats what was given."""
    if kind is LastResortKind.CALLBACK:
        return None if _NUMBER.fullmatch(wish.number) else refuse(codes.NUMBER_MALFORMED)
    sound = _REFERENCE.fullmatch(wish.recording) and len(wish.recording_sha256) == SHA256_BYTES
    return None if sound else refuse(codes.RECORDING_MALFORMED)


def enter(callback: Callback, now: datetime) -> Callback:
    """Put it into the line; no origin can say that a caller came later than now, or a long time ago."""
    return replace(callback, entered_at=min(max(callback.entered_at, now - OLDEST), now))


def next_in_line(line: Iterable[Callback], seat: Seat, now: datetime) -> Callback | None:
    """Whose turn it is, with the part in which it will sit; None if nobody's.

    Args:
        line: what waits or rings at a unit.
        seat: finds a free seat for one; one that rings has its own already.
        now: aware time.
    """
    due = [each for each in line if each.state is CallbackState.RINGING or _is_due(each, now)]
    for each in sorted(due, key=lambda each: each.turn):
        if each.state is CallbackState.RINGING:
            return each
        if (pool := seat(each)) is not None:
            return replace(each, pool=pool)
    return None


def take_callback(callback: Callback, holder: str, take_id: str, now: datetime) -> Decision[Callback] | Refusal:
    """Somebody calls back now, or hears the message; asked again under the same id it is the same taking.

    Args:
        callback: the next in line.
        holder: the desktop or system.
        take_id: made by the asker.
        now: aware time.
    """
    if callback.state is CallbackState.OPEN and (callback.taken_by, callback.take_id) == (holder, take_id):
        return Decision(callback)
    if callback.state not in (CallbackState.WAITING, CallbackState.RINGING):
        return _wrong_state(callback, CallbackState.OPEN)
    taken = replace(callback, state=CallbackState.OPEN, held_until=now + HELD_FOR, taken_by=holder, take_id=take_id)
    return Decision(taken, (taken,))


def finish(callback: Callback, holder: str) -> Decision[Callback] | Refusal:
    """The caller was reached, or the message heard and answered; `holder` empty: an operator says so."""
    if callback.state is CallbackState.DONE:
        return Decision(callback)
    if refusal := _not_theirs(callback, holder, CallbackState.DONE):
        return refusal
    done = replace(callback, state=CallbackState.DONE, held_until=None)
    return Decision(done, (done,))


def miss(callback: Callback, holder: str, now: datetime) -> Decision[Callback] | Refusal:
    """The caller was not reached; he keeps his place, and is tried again after a pause, or given back."""
    if refusal := _not_theirs(callback, holder, CallbackState.WAITING):
        return refusal
    misses = callback.misses + 1
    state = CallbackState.GIVEN_BACK if misses >= MISSES_MAX else CallbackState.WAITING
    missed = replace(callback, state=state, misses=misses, not_before=now + PAUSE_AFTER_MISS, held_until=None, taken_by="", take_id="")
    return Decision(missed, (missed,))


def offer_by_itself(line: Iterable[Callback], seat: Seat, now: datetime) -> Callback | None:
    """The callback that rings now, if one is due that was missed twice and a seat is free for it."""
    missed = [each for each in line if each.misses >= OFFERED_AFTER_MISSES and each.state is CallbackState.WAITING]
    first = next_in_line(missed, seat, now)
    return replace(first, state=CallbackState.RINGING, held_until=now + RINGS_FOR) if first else None


def run_out(callback: Callback, now: datetime) -> Decision[Callback] | Refusal:
    """Its time is over: nobody took it where it rang, which is no miss; or who had it said nothing more, which is one."""
    if callback.held_until is None or callback.held_until > now:
        return Decision(callback)
    if callback.state is CallbackState.OPEN:
        return miss(callback, "", now)
    waiting = replace(callback, state=CallbackState.WAITING, held_until=None, not_before=now + RINGS_AGAIN_AFTER)
    return Decision(waiting, (waiting,))


def _is_due(callback: Callback, now: datetime) -> bool:
    return callback.state is CallbackState.WAITING and (callback.not_before is None or callback.not_before <= now)


def _not_theirs(callback: Callback, holder: str, to: CallbackState) -> Refusal | None:
    if callback.state is not CallbackState.OPEN:
        return _wrong_state(callback, to)
    return refuse(codes.CALL_TAKEN, id=callback.call.id) if holder and holder != callback.taken_by else None


def _wrong_state(callback: Callback, to: CallbackState) -> Refusal:
    return refuse(codes.HANDOFF_STEP, id=callback.call.id, state=callback.state.value, to=to.value)
