"""The life of a case as a literal table, applied alike by the member that decides a step and by every member that hears of it.

open -> offered -> accepted (or back) -> answered -> told -> closed. In each state exactly one party may take the next step, and
only that party's member decides it; so two members can never decide the same step, and every replica ends up equal. The duty of the
unit asked first moves to another node only once the case is answered: from then on no one else's step can be under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from twelve333.core.decision import Code, Decision, Refusal, refuse
from twelve333.core.ids import check_id

from . import codes, limits
from .forgetting import same_step
from .messages import (
    CallerTold,
    CaseAnswered,
    CaseClosed,
    CaseEvent,
    CaseOpened,
    DutyDeclined,
    DutyOffered,
    DutyTaken,
    Stamp,
    TransferAccepted,
    TransferOffered,
    TransferRefused,
)
from .model import DUTY_OFFERS_MAX, OFFERS_MAX, STEPS_MAX, Case, Offer, Party
from .model import State as S


@dataclass(frozen=True, slots=True)
class Early:
    """The step is in order, but the step before it has not arrived yet: hold it until version `after` is there."""

    after: int


Actor = Callable[[Case], Party | None]


def first_asked(case: Case) -> Party | None:
    """The party that tells the caller and closes."""
    return case.first_asked


def owner(case: Case) -> Party | None:
    """The party that works on the case."""
    return case.owner


def offered_to(case: Case) -> Party | None:
    """The party that an offer waits for."""
    return case.pending.to if case.pending else None


# Who may take a step, and with which reason anyone else is refused.
ACTORS: Final[dict[type[CaseEvent], tuple[Actor, Code]]] = {
    TransferOffered: (owner, codes.NOT_OWNER),
    TransferAccepted: (offered_to, codes.NOT_OFFERED_TO_YOU),
    TransferRefused: (offered_to, codes.NOT_OFFERED_TO_YOU),
    CaseAnswered: (owner, codes.NOT_OWNER),
    CallerTold: (first_asked, codes.NOT_FIRST_ASKED),
    CaseClosed: (first_asked, codes.NOT_FIRST_ASKED),
    DutyOffered: (first_asked, codes.NOT_FIRST_ASKED),
    DutyTaken: (offered_to, codes.NOT_OFFERED_TO_YOU),
    DutyDeclined: (offered_to, codes.NOT_OFFERED_TO_YOU),
}
_ANSWERS_DUTY: Final = (DutyTaken, DutyDeclined)

# From each state, for each step: the state that follows, or why there is none.
STEPS: Final[dict[S, dict[type[CaseEvent], S | Code]]] = {
    S.OPEN: {
        TransferOffered: S.OFFERED,
        TransferAccepted: codes.NOT_OFFERED,
        TransferRefused: codes.NOT_OFFERED,
        CaseAnswered: S.ANSWERED,
        CallerTold: codes.NOT_ANSWERED,
        CaseClosed: codes.CALLER_NOT_TOLD,
        DutyOffered: codes.NOT_ANSWERED,
        DutyTaken: codes.NOT_OFFERED,
        DutyDeclined: codes.NOT_OFFERED,
    },
    S.OFFERED: {
        TransferOffered: codes.OFFER_PENDING,
        TransferAccepted: S.ACCEPTED,
        TransferRefused: S.ACCEPTED,  # or `open`, if nobody has accepted it yet: see `_refused`
        CaseAnswered: codes.OFFER_PENDING,
        CallerTold: codes.NOT_ANSWERED,
        CaseClosed: codes.CALLER_NOT_TOLD,
        DutyOffered: codes.NOT_ANSWERED,
        DutyTaken: codes.NOT_OFFERED,
        DutyDeclined: codes.NOT_OFFERED,
    },
    S.ACCEPTED: {
        TransferOffered: S.OFFERED,
        TransferAccepted: codes.NOT_OFFERED,
        TransferRefused: codes.NOT_OFFERED,
        CaseAnswered: S.ANSWERED,
        CallerTold: codes.NOT_ANSWERED,
        CaseClosed: codes.CALLER_NOT_TOLD,
        DutyOffered: codes.NOT_ANSWERED,
        DutyTaken: codes.NOT_OFFERED,
        DutyDeclined: codes.NOT_OFFERED,
    },
    S.ANSWERED: {
        TransferOffered: codes.ALREADY_ANSWERED,
        TransferAccepted: codes.NOT_OFFERED,
        TransferRefused: codes.NOT_OFFERED,
        CaseAnswered: codes.ALREADY_ANSWERED,
        CallerTold: S.TOLD,
        CaseClosed: codes.CALLER_NOT_TOLD,
        DutyOffered: S.ANSWERED,
        DutyTaken: S.ANSWERED,
        DutyDeclined: S.ANSWERED,
    },
    S.TOLD: {
        TransferOffered: codes.ALREADY_ANSWERED,
        TransferAccepted: codes.NOT_OFFERED,
        TransferRefused: codes.NOT_OFFERED,
        CaseAnswered: codes.ALREADY_ANSWERED,
        CallerTold: codes.ALREADY_TOLD,
        CaseClosed: S.CLOSED,
        DutyOffered: S.TOLD,
        DutyTaken: S.TOLD,
        DutyDeclined: S.TOLD,
    },
    S.CLOSED: dict.fromkeys(ACTORS, codes.CLOSED),
}


def next_state(case: Case, kind: type[CaseEvent], by: Party, owner_epoch: int) -> S | Refusal:
    """Return the state that the step would lead to, or why `by` may not take it now.

    Args:
        case: as it stands.
        kind: the step.
        by: the unit that would take it, with its member.
        owner_epoch: the epoch that the asker saw.
    """
    if owner_epoch != case.owner_epoch:
        return refuse(codes.EPOCH_STALE, seen=owner_epoch, now=case.owner_epoch)
    follows = STEPS[case.state].get(kind, codes.ID_TAKEN)
    if isinstance(follows, Code):
        return refuse(follows, id=case.case_id)
    if case.state in (S.ANSWERED, S.TOLD) and (refusal := _check_duty_waits(case, kind)):
        return refusal
    actor, otherwise = ACTORS[kind]
    allowed = actor(case)
    if allowed != by:
        return refuse(otherwise, unit=by.unit, allowed=allowed.unit if allowed else "")
    return follows


def _check_duty_waits(case: Case, kind: type[CaseEvent]) -> Refusal | None:
    """Refuse all but its answer while the duty is offered, and an answer if it is not."""
    if (case.pending is not None) == (kind in _ANSWERS_DUTY):
        return None
    return refuse(codes.DUTY_MOVING if case.pending else codes.NOT_OFFERED, id=case.case_id, unit=case.first_asked.unit)


def apply(case: Case | None, event: CaseEvent) -> Decision[Case] | Refusal | Early:
    """Take one step, whoever decided it: the same code runs where it is decided and where it is heard of.

    A step that is in the history already changes nothing and succeeds; a different step in its place is refused as a fork.

    Args:
        case: the replica, or None if this member has not heard of the case.
        event: the step.
    """
    stamp, version = event.stamp, case.version if case else 0
    if malformed := limits.check_event(event) or check_id(stamp.case_id) or check_id(stamp.step_id):
        return refuse(codes.STEP_MALFORMED, id=stamp.case_id[:64], because=malformed.code.name)
    if case and stamp.version <= version:
        same = same_step(case.history[stamp.version - 1], event)
        return Decision(case) if same else refuse(codes.FORKED, id=case.case_id, version=stamp.version)
    if stamp.version > version + 1:
        return Early(stamp.version - 1)
    return _opened(event) if case is None else _stepped(case, event)


def _opened(event: CaseEvent) -> Decision[Case] | Refusal:
    stamp = event.stamp
    if not isinstance(event, CaseOpened) or stamp.owner_epoch != 1:
        return refuse(codes.OUT_OF_TURN, id=stamp.case_id, step=type(event).__name__, because=codes.NOT_FOUND.name)
    opened = Case(
        stamp.case_id, event.topic, event.region, event.summary, stamp.at, first_asked=stamp.by, owner=stamp.by, owner_epoch=1,
        version=1, state=S.OPEN, pending=None, answer="", caller_due=event.caller_due, owner_due=event.owner_due, history=(event,),
    )  # fmt: skip
    return Decision(opened, (event,))


def _stepped(case: Case, event: CaseEvent) -> Decision[Case] | Refusal:
    stamp = event.stamp
    follows = next_state(case, type(event), stamp.by, stamp.owner_epoch)
    if isinstance(follows, S) and isinstance(event, TransferOffered):
        follows = check_offer(case, event.to) or follows
    if isinstance(follows, S) and isinstance(event, DutyOffered):
        follows = check_duty(case, event.to) or follows
    if isinstance(follows, Refusal):
        return refuse(codes.OUT_OF_TURN, id=case.case_id, step=type(event).__name__, because=follows.code.name)
    step = replace(case, state=follows, version=stamp.version, history=(*case.history, event))
    return Decision(_kept(step, event, stamp), (event,))


def check_offer(case: Case, to: Party) -> Refusal | None:
    """Refuse an offer to the owner itself, and one too many: units that ping-pong a case need a decision from above."""
    if to == case.owner:
        return refuse(codes.TO_OWNER, unit=to.unit)
    offers = sum(isinstance(step, TransferOffered) for step in case.history)
    # Answer, tell and close must still fit after an offer and its reply.
    if offers >= OFFERS_MAX or case.version > STEPS_MAX - 5:
        return refuse(codes.MOVED_TOO_OFTEN, id=case.case_id, most=OFFERS_MAX)
    return None


def check_duty(case: Case, to: Party) -> Refusal | None:
    """Refuse an offer of the duty to another unit or to where it is, and one too many."""
    if to.unit != case.first_asked.unit or to == case.first_asked:
        return refuse(codes.DUTY_STAYS, unit=case.first_asked.unit, to=to.unit)
    offers = sum(isinstance(step, DutyOffered) for step in case.history)
    return refuse(codes.MOVED_TOO_OFTEN, id=case.case_id, most=DUTY_OFFERS_MAX) if offers >= DUTY_OFFERS_MAX else None


def _kept(case: Case, event: CaseEvent, stamp: Stamp) -> Case:
    match event:
        case TransferOffered(to=to) | DutyOffered(to=to):
            return replace(case, pending=Offer(to, stamp.at))
        case TransferAccepted(owner_due=owner_due):
            follows = case.first_asked == case.owner and case.owner.unit == stamp.by.unit  # the unit moved to another node
            first = stamp.by if follows else case.first_asked
            return replace(case, first_asked=first, owner=stamp.by, owner_epoch=case.owner_epoch + 1, pending=None, owner_due=owner_due)
        case TransferRefused():
            return _refused(case)
        case CaseAnswered(answer=answer):
            return replace(case, answer=answer)
        case DutyTaken():
            return replace(case, first_asked=stamp.by, pending=None)
        case DutyDeclined():
            return replace(case, pending=None)
        case _:
            return case


def _refused(case: Case) -> Case:
    return replace(case, pending=None, state=S.OPEN if case.owner_epoch == 1 else S.ACCEPTED)
