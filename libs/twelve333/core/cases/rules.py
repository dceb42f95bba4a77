"""Who may do what with a case: from a command of this member's own unit to the step that is kept and told.

A retry (same step id, same content) succeeds and changes nothing. Clocks start here, from policy: the caller's once, at the
opening; the owner's at the opening and again at each acceptance, in the new owner's office hours, never with time already spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from twelve333.core.decision import Decision, Refusal, refuse
from twelve333.core.ids import HUB, check_id, check_unit_code
from twelve333.core.worktime.model import Calendar, Due, Limit, OfficeHours
from twelve333.core.worktime.rules import due

from . import codes, limits
from .machine import Early, apply, check_duty, check_offer, next_state
from .messages import (
    AcceptCase,
    AnswerCase,
    CallerTold,
    CaseAnswered,
    CaseClosed,
    CaseEvent,
    CaseOpened,
    CloseCase,
    Command,
    DeclineDuty,
    DutyDeclined,
    DutyOffered,
    DutyTaken,
    LaterCommand,
    OfferDuty,
    OpenCase,
    RefuseCase,
    Stamp,
    TakeDuty,
    TellCaller,
    TransferAccepted,
    TransferCase,
    TransferOffered,
    TransferRefused,
)
from .model import Case, Party


@dataclass(frozen=True, slots=True)
class Clocks:
    """The policy of the two clocks and what they count in.

    Args:
        caller: from the opening until the caller is told (e.g. 3 calendar days, Tianjin).
        owner: from the opening or an acceptance until the owner answers (e.g. 8 working hours, Yunnan).
        calendar: announced working days.
        hours: office hours of the acting unit.
    """

    caller: Limit
    owner: Limit
    calendar: Calendar
    hours: OfficeHours

    def caller_due(self, now: datetime) -> Due:
        """By when the caller must be told, if the case opens now."""
        return due(now, self.caller, self.calendar, self.hours)

    def owner_due(self, now: datetime) -> Due:
        """By when the owner must answer, if its clock starts now."""
        return due(now, self.owner, self.calendar, self.hours)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision rests on.

    Args:
        case: the replica with its whole history, or None.
        member: this member; only it decides for its own units, and for cases that came to it while it served the unit.
        member_of: the member that serves each unit the command names, as far as the directory knows them.
        clocks: policy of the clocks.
    """

    case: Case | None
    member: str
    member_of: Mapping[str, str]
    clocks: Clocks


def decide(facts: Facts, command: Command, now: datetime) -> Decision[Case] | Refusal:
    """Decide one command; a decision without events means that the same step was taken before.

    Args:
        facts: see `Facts`.
        command: what is asked.
        now: aware, UTC.
    """
    if refusal := _check_asker(facts, command):
        return refusal
    if isinstance(command, OpenCase):
        return _open(facts, command, now)
    return _refuse_missing(command) if facts.case is None else _step(facts, facts.case, command, now)


def destinations(before: Case | None, after: Case, us: str) -> frozenset[str]:
    """Return who must be told of the step between the two: the hub, the first-asked, owner and pending members; never ourselves."""
    parties = set[str]()
    for case in (before, after):
        if case:
            parties |= {case.first_asked.member, case.owner.member} | ({case.pending.to.member} if case.pending else set())
    return frozenset((parties | {HUB}) - {us})


def history_for(after: Case, event: CaseEvent, destination: str) -> tuple[CaseEvent, ...]:
    """The steps before the last one, `event`, for whom it offers something: that member may never have heard of the case."""
    offered = isinstance(event, TransferOffered | DutyOffered) and event.to.member == destination
    return after.history[:-1] if offered else ()


def _check_asker(facts: Facts, command: Command) -> Refusal | None:
    head = command if isinstance(command, OpenCase) else command.signature
    malformed = check_id(head.case_id) or check_unit_code(head.unit)
    if not malformed and not isinstance(command, OpenCase):
        malformed = check_id(command.signature.step_id)
    if malformed:
        return malformed
    ours = facts.member_of.get(head.unit) == facts.member or _is_party(facts.case, Party(head.unit, facts.member))
    return None if ours else refuse(codes.UNIT_NOT_YOURS, unit=head.unit)


def _is_party(case: Case | None, party: Party) -> bool:
    """Whether a case is with a unit at this member: one that was served here goes on here after the unit moved to another node."""
    return case is not None and party in (case.first_asked, case.owner, case.pending.to if case.pending else None)


def _refuse_missing(command: LaterCommand) -> Refusal:
    return refuse(codes.NOT_FOUND, id=command.signature.case_id)


def _open(facts: Facts, command: OpenCase, now: datetime) -> Decision[Case] | Refusal:
    if refusal := limits.check_opening(command.topic, command.region, command.summary):
        return refusal
    if facts.case:
        return Decision(facts.case) if _is_same_opening(facts.case, command) else refuse(codes.ID_TAKEN, id=command.case_id)
    stamp = Stamp(command.case_id, command.case_id, 1, 1, Party(command.unit, facts.member), command.signed_by, now)
    clocks = facts.clocks
    return _taken(None, CaseOpened(stamp, command.topic, command.region, command.summary, clocks.caller_due(now), clocks.owner_due(now)))


def _is_same_opening(case: Case, command: OpenCase) -> bool:
    was = (case.first_asked.unit, case.topic, case.region, case.summary)
    return was == (command.unit, command.topic, command.region, command.summary)


def _step(facts: Facts, case: Case, command: LaterCommand, now: datetime) -> Decision[Case] | Refusal:
    signature = command.signature
    by = Party(signature.unit, facts.member)
    stamp = Stamp(case.case_id, signature.step_id, case.version + 1, signature.owner_epoch, by, signature.signed_by, now)
    event = _event_of(facts, command, stamp)
    if isinstance(event, Refusal):
        return event
    if before := next((step for step in case.history if step.stamp.step_id == signature.step_id), None):
        return Decision(case) if _is_same(before, event) else refuse(codes.STEP_ID_TAKEN, id=signature.step_id)
    follows = next_state(case, type(event), by, signature.owner_epoch)
    if isinstance(follows, Refusal):
        return follows
    if isinstance(event, TransferOffered) and (refusal := check_offer(case, event.to)):
        return refusal
    if isinstance(event, DutyOffered) and (refusal := check_duty(case, event.to)):
        return refusal
    return _taken(case, event)


def _event_of(facts: Facts, command: LaterCommand, stamp: Stamp) -> CaseEvent | Refusal:
    match command:
        case TransferCase(to_unit=to_unit):
            to_member = facts.member_of.get(to_unit)
            return TransferOffered(stamp, Party(to_unit, to_member)) if to_member else refuse(codes.TO_UNKNOWN, unit=to_unit[:32])
        case AcceptCase():
            same = facts.case is not None and facts.case.owner.unit == stamp.by.unit  # a unit that moved: its time goes on
            return TransferAccepted(stamp, facts.case.owner_due if facts.case and same else facts.clocks.owner_due(stamp.at))
        case RefuseCase(reason=reason):
            return limits.check_reason(reason) or TransferRefused(stamp, reason)
        case AnswerCase(answer=answer):
            return limits.check_answer(answer) or CaseAnswered(stamp, answer)
        case TellCaller():
            return CallerTold(stamp)
        case CloseCase():
            return CaseClosed(stamp)
        case OfferDuty(directory_version=version):
            to_member = facts.member_of.get(stamp.by.unit)
            to = Party(stamp.by.unit, to_member) if to_member else None
            return DutyOffered(stamp, to, version) if to else refuse(codes.TO_UNKNOWN, unit=stamp.by.unit)
        case TakeDuty():
            return DutyTaken(stamp)
        case DeclineDuty():
            return DutyDeclined(stamp)


def _is_same(before: CaseEvent, again: CaseEvent) -> bool:
    """Whether a retry asks for the step that was taken: kind, signer's unit, epoch and content; time and deadline may differ."""
    return type(before) is type(again) and _content(before) == _content(again)


def _content(event: CaseEvent) -> tuple[object, ...]:
    stamp = event.stamp
    head = (stamp.by, stamp.owner_epoch)
    match event:
        case TransferOffered(to=to) | DutyOffered(to=to):
            return (*head, to)
        case TransferRefused(reason=text) | CaseAnswered(answer=text):
            return (*head, text)
        case _:
            return head


def _taken(case: Case | None, event: CaseEvent) -> Decision[Case] | Refusal:
    outcome = apply(case, event)
    if not isinstance(outcome, Early):
        return outcome
    raise AssertionError("our own step is the next one by construction")
