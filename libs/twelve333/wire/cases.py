"""Cases between the core and protobuf; a step that cannot be read is a peer violation, never a crash."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ..api.cases.v1 import cases_pb2 as pb
from ..api.cases.v1 import events_pb2, service_pb2
from ..api.common.v1 import common_pb2
from ..core.cases import codes
from ..core.cases.mending import Returned
from ..core.cases.messages import (
    Arrived,
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
from ..core.cases.model import Case, CaseFilter, Offer, Party, State, caller_is_overdue, owner_is_overdue
from ..core.decision import Refused, refuse
from ..core.ids import check_unit_code
from ..core.worktime.model import Due
from .times import from_timestamp, to_timestamp

_STATE_OUT: Final = {
    State.OPEN: pb.CASE_STATE_OPEN,
    State.OFFERED: pb.CASE_STATE_OFFERED,
    State.ACCEPTED: pb.CASE_STATE_ACCEPTED,
    State.ANSWERED: pb.CASE_STATE_ANSWERED,
    State.TOLD: pb.CASE_STATE_TOLD,
    State.CLOSED: pb.CASE_STATE_CLOSED,
}
_STATE_IN: Final = {wire: state for state, wire in _STATE_OUT.items()}
_Plain = type[CallerTold] | type[CaseClosed] | type[DutyTaken] | type[DutyDeclined]
_PLAIN_IN: Final[dict[str, _Plain]] = {"told": CallerTold, "closed": CaseClosed, "duty_taken": DutyTaken, "duty_declined": DutyDeclined}
_PLAIN_OUT: Final = {kind: name for name, kind in _PLAIN_IN.items()}  # steps of which nothing but the stamp is told


def state_to_wire(state: State) -> pb.CaseState.ValueType:
    """The wire form of a state."""
    return _STATE_OUT[state]


def state_from_wire(state: pb.CaseState.ValueType) -> State | None:
    """The state; None if not said, or said by a newer peer in a way we do not know."""
    return _STATE_IN.get(state)


def case_to_wire(case: Case, now: datetime) -> pb.Case:
    """A case as it is shown at `now`, with the history it was loaded with."""
    shown = pb.Case(
        case_id=case.case_id,
        topic=case.topic,
        region=case.region,
        summary=case.summary,
        opened_at=to_timestamp(case.opened_at),
        first_asked=_party_out(case.first_asked),
        owner=_party_out(case.owner),
        owner_epoch=case.owner_epoch,
        version=case.version,
        state=_STATE_OUT[case.state],
        answer=case.answer,
        caller_due=_due_out(case.caller_due),
        owner_due=_due_out(case.owner_due),
        caller_overdue=caller_is_overdue(case, now),
        owner_overdue=owner_is_overdue(case, now),
        history=[step_to_wire(step) for step in case.history],
    )
    if case.pending:
        shown.offered_to.CopyFrom(_party_out(case.pending.to))
        shown.offered_at.CopyFrom(to_timestamp(case.pending.offered_at))
    return shown


def case_from_wire(case: pb.Case) -> Case:
    """A case as a caller of the SDK gets it.

    Raises:
        Refused: CASES_STEP_MALFORMED, when the answer is of a kind we do not know.
    """
    state = _STATE_IN.get(case.state)
    if state is None:
        raise _malformed(case.case_id, "state")
    offer = Offer(_party_in(case.offered_to), from_timestamp(case.offered_at)) if case.HasField("offered_to") else None
    return Case(
        case_id=case.case_id,
        topic=case.topic,
        region=case.region,
        summary=case.summary,
        opened_at=from_timestamp(case.opened_at),
        first_asked=_party_in(case.first_asked),
        owner=_party_in(case.owner),
        owner_epoch=case.owner_epoch,
        version=case.version,
        state=state,
        pending=offer,
        answer=case.answer,
        caller_due=_due_in(case.caller_due),
        owner_due=_due_in(case.owner_due),
        history=tuple(step_from_wire(step) for step in case.history),
    )


def step_to_wire(event: CaseEvent) -> pb.CaseStep:
    """One step as it travels and is kept."""
    stamp = event.stamp
    step = pb.CaseStep(
        case_id=stamp.case_id,
        step_id=stamp.step_id,
        version=stamp.version,
        owner_epoch=stamp.owner_epoch,
        by=_party_out(stamp.by),
        signed_by=stamp.signed_by,
        at=to_timestamp(stamp.at),
    )
    _put_content(step, event)
    return step


def step_from_wire(step: pb.CaseStep) -> CaseEvent:
    """One step.

    Raises:
        Refused: CASES_STEP_MALFORMED, for a kind of step that we do not know or a time that is none.
    """
    try:
        at = from_timestamp(step.at)
        stamp = Stamp(step.case_id, step.step_id, step.version, step.owner_epoch, _party_in(step.by), step.signed_by, at)
        return _event(step, stamp)
    except (ValueError, OverflowError) as error:
        raise _malformed(step.case_id, "time") from error


def arrived_to_wire(event: CaseEvent, history: Iterable[CaseEvent] = ()) -> events_pb2.CaseStepTaken:
    """A step as the member that decided it tells it."""
    return events_pb2.CaseStepTaken(step=step_to_wire(event), history=[step_to_wire(step) for step in history])


def arrived_from_wire(taken: events_pb2.CaseStepTaken, origin: str) -> Arrived:
    """A step as it reached us from `origin`.

    Raises:
        Refused: CASES_STEP_MALFORMED.
    """
    return Arrived(step_from_wire(taken.step), origin, tuple(step_from_wire(step) for step in taken.history))


def returned_to_wire(returned: Returned) -> events_pb2.CaseReturned:
    """What a member holds of a case, as it returns it."""
    history, waiting = ([step_to_wire(step) for step in steps] for steps in (returned.history, returned.waiting))
    return events_pb2.CaseReturned(history=history, waiting=waiting)


def returned_from_wire(message: events_pb2.CaseReturned) -> Returned:
    """What was returned to us.

    Raises:
        Refused: CASES_STEP_MALFORMED, also when it is empty or speaks of several cases.
    """
    returned = Returned(tuple(map(step_from_wire, message.history)), tuple(map(step_from_wire, message.waiting)))
    named = {step.stamp.case_id for step in (*returned.history, *returned.waiting)}
    if len(named) != 1:
        raise _malformed(min(named, default=""), "history")
    return returned


def filter_from_wire(request: service_pb2.ListCasesRequest, now: datetime) -> CaseFilter:
    """Which cases a listing asks for.

    Raises:
        Refused: COMMON_UNIT_CODE_MALFORMED.
    """
    for unit in (request.owner_unit, request.first_asked_unit, request.offered_to_unit):
        if unit and (refusal := check_unit_code(unit)):
            raise Refused(refusal)
    return CaseFilter(
        state=state_from_wire(request.state),
        owner_unit=request.owner_unit,
        first_asked_unit=request.first_asked_unit,
        offered_to_unit=request.offered_to_unit,
        overdue_at=now if request.overdue_only else None,
    )


def listing_to_wire(cases: Iterable[Case], token: str, total: int, now: datetime) -> service_pb2.ListCasesResponse:
    """A page of cases as it is shown at `now`."""
    page = common_pb2.PageInfo(next_token=token, total=total)
    return service_pb2.ListCasesResponse(cases=[case_to_wire(case, now) for case in cases], page=page)


def _put_content(step: pb.CaseStep, event: CaseEvent) -> None:
    match event:
        case CaseOpened():
            due = {"caller_due": _due_out(event.caller_due), "owner_due": _due_out(event.owner_due)}
            step.opened.CopyFrom(pb.CaseOpened(topic=event.topic, region=event.region, summary=event.summary, **due))
        case TransferOffered():
            step.offered.CopyFrom(pb.TransferOffered(to=_party_out(event.to)))
        case TransferAccepted():
            step.accepted.CopyFrom(pb.TransferAccepted(owner_due=_due_out(event.owner_due)))
        case TransferRefused():
            step.refused.CopyFrom(pb.TransferRefused(reason=event.reason))
        case CaseAnswered():
            step.answered.CopyFrom(pb.CaseAnswered(answer=event.answer))
        case CallerTold() | CaseClosed() | DutyTaken() | DutyDeclined():
            getattr(step, _PLAIN_OUT[type(event)]).SetInParent()
        case DutyOffered():
            step.duty_offered.CopyFrom(pb.DutyOffered(to=_party_out(event.to), directory_version=event.directory_version))


def _event(step: pb.CaseStep, stamp: Stamp) -> CaseEvent:
    match step.WhichOneof("done"):
        case "opened":
            said = step.opened
            return CaseOpened(stamp, said.topic, said.region, said.summary, _due_in(said.caller_due), _due_in(said.owner_due))
        case "offered":
            return TransferOffered(stamp, _party_in(step.offered.to))
        case "accepted":
            return TransferAccepted(stamp, _due_in(step.accepted.owner_due))
        case "refused":
            return TransferRefused(stamp, step.refused.reason)
        case "answered":
            return CaseAnswered(stamp, step.answered.answer)
        case "duty_offered":
            return DutyOffered(stamp, _party_in(step.duty_offered.to), step.duty_offered.directory_version)
        case kind if plain := _PLAIN_IN.get(kind or ""):
            return plain(stamp)
        case _:
            raise _malformed(step.case_id, "kind of step")


def _malformed(case_id: str, because: str) -> Refused:
    return Refused(refuse(codes.STEP_MALFORMED, id=case_id[:64], because=because))


def _party_out(party: Party) -> pb.Party:
    return pb.Party(unit=party.unit, member=party.member)


def _party_in(party: pb.Party) -> Party:
    return Party(party.unit, party.member)


def _due_out(due: Due) -> pb.Deadline:
    return pb.Deadline(at=to_timestamp(due.at), provisional=due.provisional)


def _due_in(due: pb.Deadline) -> Due:
    return Due(from_timestamp(due.at), due.provisional)
