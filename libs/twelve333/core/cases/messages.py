"""What a unit may ask of a case (commands) and what then is true (events, the steps of its history).

An event is signed: who, for which unit of which member, when. It names the version it makes and the owner epoch it was
decided under, so that every replica puts the same steps in the same order. Ids come from the asker: a retry is the same step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from twelve333.core.worktime.model import Due

from .model import Party


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Open a case for a caller of `unit`; the opening step carries the id of the case."""

    case_id: str
    unit: str
    signed_by: str
    topic: str
    region: str
    summary: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signature:
    """Heads every later command: which case, the id of this step, the epoch the asker saw, for which unit, and who signs."""

    case_id: str
    step_id: str
    owner_epoch: int
    unit: str
    signed_by: str


@dataclass(frozen=True, slots=True)
class TransferCase:
    """The owner offers the case to another unit."""

    signature: Signature
    to_unit: str


@dataclass(frozen=True, slots=True)
class AcceptCase:
    """The unit it was offered to takes it over."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class RefuseCase:
    """The unit it was offered to does not take it; the reason is compulsory."""

    signature: Signature
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnswerCase:
    """The owner answers."""

    signature: Signature
    answer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TellCaller:
    """The first-asked unit has told the caller."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class CloseCase:
    """The first-asked unit closes the case."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class OfferDuty:
    """The node that served the unit asked first offers its duty to the node that serves it now, by that version of the directory."""

    signature: Signature
    directory_version: int


@dataclass(frozen=True, slots=True)
class TakeDuty:
    """The unit's new node takes the duty over."""

    signature: Signature


@dataclass(frozen=True, slots=True)
class DeclineDuty:
    """The node does not serve the unit."""

    signature: Signature


LaterCommand = TransferCase | AcceptCase | RefuseCase | AnswerCase | TellCaller | CloseCase | OfferDuty | TakeDuty | DeclineDuty
Command = OpenCase | LaterCommand


@dataclass(frozen=True, slots=True)
class Stamp:
    """Heads every event: its place in the history of the case and its signature.

    Args:
        case_id: the case.
        step_id: made by the asker; the same in a retry.
        version: the place of this step in the history, from 1.
        owner_epoch: the epoch under which it was decided (before the step).
        by: the unit that took the step, and its member.
        signed_by: the person, by the name in the certificate.
        at: when, UTC.
    """

    case_id: str
    step_id: str
    version: int
    owner_epoch: int
    by: Party
    signed_by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """A case exists; both clocks run."""

    stamp: Stamp
    topic: str
    region: str
    summary: str = field(repr=False)
    caller_due: Due
    owner_due: Due


@dataclass(frozen=True, slots=True)
class TransferOffered:
    """The case is offered; nothing has moved yet."""

    stamp: Stamp
    to: Party


@dataclass(frozen=True, slots=True)
class TransferAccepted:
    """The case has a new owner, whose clock starts."""

    stamp: Stamp
    owner_due: Due


@dataclass(frozen=True, slots=True)
class TransferRefused:
    """The offer is over; the owner is who it was."""

    stamp: Stamp
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseAnswered:
    """The owner has answered."""

    stamp: Stamp
    answer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallerTold:
    """The caller knows the answer."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class CaseClosed:
    """Nothing more will happen."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class DutyOffered:
    """To tell the caller and to close is offered to the node that serves the unit asked first by that version of the directory."""

    stamp: Stamp
    to: Party
    directory_version: int


@dataclass(frozen=True, slots=True)
class DutyTaken:
    """From now on the unit asked first tells the caller and closes at its new node."""

    stamp: Stamp


@dataclass(frozen=True, slots=True)
class DutyDeclined:
    """The duty stays where it was."""

    stamp: Stamp


DutyStep = DutyOffered | DutyTaken | DutyDeclined
CaseEvent = CaseOpened | TransferOffered | TransferAccepted | TransferRefused | CaseAnswered | CallerTold | CaseClosed | DutyStep


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event as it reached a member.

    Args:
        event: the step.
        origin: the member that sent it, as delivery proved it.
        history: the steps before it, for a member that is not a party yet.
    """

    event: CaseEvent
    origin: str
    history: tuple[CaseEvent, ...] = field(default=(), repr=False)
