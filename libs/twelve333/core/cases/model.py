"""Facts of cases: what a case is, who owns it, who was asked first, and by when.

Two persons' duties never mix: the *first-asked* unit (首问负责制) tells the caller and closes, whatever moves; the *owner*
works on the answer, and there is exactly one, counted by `owner_epoch`. Free text is personal and never shown by `repr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from twelve333.core.worktime.model import Due

if TYPE_CHECKING:
    from .messages import CaseEvent

TOPIC_CHARS_MAX: Final = 32
SUMMARY_CHARS_MAX: Final = 4_000
ANSWER_CHARS_MAX: Final = 4_000
REASON_CHARS_MAX: Final = 500
SIGNER_CHARS_MAX: Final = 64
STEPS_MAX: Final = 64  # of one case; bounds the history that travels with an offer
OFFERS_MAX: Final = 16  # of one case; past it the units ping-pong and the level above has to decide
DUTY_OFFERS_MAX: Final = 8  # of one case; with all offers and their replies it still ends within STEPS_MAX


class State(StrEnum):
    """Where a case stands; the steps between the states are in `machine`."""

    OPEN = "open"  # with the unit that was asked first
    OFFERED = "offered"  # a transfer waits for its answer; the owner is still the old one
    ACCEPTED = "accepted"  # with a unit that accepted it
    ANSWERED = "answered"  # the owner has answered; the caller does not know yet
    TOLD = "told"  # the first-asked unit has told the caller
    CLOSED = "closed"  # for good


@dataclass(frozen=True, slots=True)
class Party:
    """A unit and the member of the federation whose node serves it."""

    unit: str
    member: str


@dataclass(frozen=True, slots=True)
class Offer:
    """A transfer, or the duty of the unit asked first, that waits for its answer: to whom, since when. It moves nothing until then."""

    to: Party
    offered_at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """One case, as every replica knows it.

    Args:
        case_id: made by the asker, for life.
        topic: classification code of the matter.
        region: GB/T 2260 code of the region of the matter.
        summary: what the caller wants; personal.
        opened_at: when it was opened.
        first_asked: who tells the caller in the end; the unit never changes, its node does if the unit moves with the case.
        owner: who works on it now.
        owner_epoch: 1 at opening, one more with each acceptance.
        version: number of steps taken.
        state: where it stands.
        pending: the offer that waits: of the case if the state is `offered`, of the first-asked unit's duty if it is answered or told.
        answer: the owner's answer; personal; empty until there is one.
        caller_due: by when the caller must be told; never restarts.
        owner_due: by when the present owner must answer; restarts when the case goes to another unit.
        history: every step, signed and timed, in order; empty if it was not loaded.
    """

    case_id: str
    topic: str
    region: str
    summary: str = field(repr=False)
    opened_at: datetime
    first_asked: Party
    owner: Party
    owner_epoch: int
    version: int
    state: State
    pending: Offer | None
    answer: str = field(repr=False)
    caller_due: Due
    owner_due: Due
    history: tuple[CaseEvent, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases a listing shows; what is empty lets everything pass.

    Args:
        overdue_at: some promise was not kept by then.
        party: of such, only those of which this member hears: it is not told how one goes on that it handed on for good.
    """

    state: State | None = None
    owner_unit: str = ""
    first_asked_unit: str = ""
    offered_to_unit: str = ""
    overdue_at: datetime | None = None
    party: str = ""


def caller_is_overdue(case: Case, now: datetime) -> bool:
    """Whether the caller should have been told by now and was not."""
    return case.state not in (State.TOLD, State.CLOSED) and now > case.caller_due.at


def owner_is_overdue(case: Case, now: datetime) -> bool:
    """Whether the present owner should have answered by now and did not."""
    return case.state in (State.OPEN, State.OFFERED, State.ACCEPTED) and now > case.owner_due.at
