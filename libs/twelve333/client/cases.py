"""Cases: steps for the units of a node, and what a node or the hub knows of them.

Every step takes the case as its asker saw it: that names the owner epoch, so a step decided on an old view is refused, never done.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from ..api.cases.v1 import cases_pb2, service_pb2_grpc
from ..api.cases.v1 import service_pb2 as pb
from ..api.common.v1 import common_pb2
from ..core.cases.model import Case, State
from ..wire.cases import case_from_wire, state_to_wire
from .calls import Calls


@dataclass(frozen=True, slots=True)
class CasePage:
    """A part of a listing: cases without history, the token of the next part (empty on the last), the count of all."""

    cases: tuple[Case, ...]
    next_token: str
    total: int


class CasesClient:
    """Typed calls of `CaseService`. Each may raise `ServiceError`; a repeat with the same ids gets the same answer."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._stub = service_pb2_grpc.CaseServiceStub(calls.channel)

    async def open(self, unit: str, *, topic: str, region: str, summary: str, case_id: str | None = None) -> Case:
        """Open a case for a caller.

        Args:
            unit: the unit that was asked; served by this node. It tells the caller in the end.
            topic: classification code of the matter.
            region: GB/T 2260 code of the region of the matter.
            summary: what the caller wants, up to 4000 characters.
            case_id: for life; made up if None. Give the same again to repeat.
        """
        request = pb.OpenCaseRequest(case_id=case_id or new_id(), unit=unit, topic=topic, region=region, summary=summary)
        return case_from_wire(await self._calls.unary(self._stub.OpenCase, request))

    async def transfer(self, case: Case, to_unit: str, *, step_id: str | None = None) -> Case:
        """Offer the case to another unit, as its owner; nothing moves until that unit accepts."""
        request = pb.TransferCaseRequest(**_head(case, case.owner.unit, step_id), to_unit=to_unit)
        return case_from_wire(await self._calls.unary(self._stub.TransferCase, request))

    async def accept(self, case: Case, *, step_id: str | None = None) -> Case:
        """Take the case over, as the unit it is offered to."""
        request = pb.AcceptCaseRequest(**_head(case, _offered_to(case), step_id))
        return case_from_wire(await self._calls.unary(self._stub.AcceptCase, request))

    async def refuse(self, case: Case, reason: str, *, step_id: str | None = None) -> Case:
        """Do not take the case, as the unit it is offered to; the reason is compulsory."""
        request = pb.RefuseCaseRequest(**_head(case, _offered_to(case), step_id), reason=reason)
        return case_from_wire(await self._calls.unary(self._stub.RefuseCase, request))

    async def answer(self, case: Case, answer: str, *, step_id: str | None = None) -> Case:
        """Answer the case, as its owner."""
        request = pb.AnswerCaseRequest(**_head(case, case.owner.unit, step_id), answer=answer)
        return case_from_wire(await self._calls.unary(self._stub.AnswerCase, request))

    async def tell_caller(self, case: Case, *, step_id: str | None = None) -> Case:
        """Record that the caller was told, as the unit asked first."""
        request = pb.TellCallerRequest(**_head(case, case.first_asked.unit, step_id))
        return case_from_wire(await self._calls.unary(self._stub.TellCaller, request))

    async def close(self, case: Case, *, step_id: str | None = None) -> Case:
        """Close the case, as the unit asked first; only after the caller was told."""
        request = pb.CloseCaseRequest(**_head(case, case.first_asked.unit, step_id))
        return case_from_wire(await self._calls.unary(self._stub.CloseCase, request))

    async def get(self, case_id: str) -> Case:
        """One case with its history, as this member knows it."""
        return case_from_wire(await self._calls.unary(self._stub.GetCase, pb.GetCaseRequest(case_id=case_id)))

    async def list(
        self,
        *,
        state: State | None = None,
        owner_unit: str = "",
        first_asked_unit: str = "",
        offered_to_unit: str = "",
        overdue_only: bool = False,
        size: int = 0,
        token: str = "",
    ) -> CasePage:
        """A part of the cases, those whose callers must be told first at the front.

        Args:
            state, owner_unit, first_asked_unit, offered_to_unit, overdue_only: only cases like that.
            size: cases wanted, up to 1000; 0 means 100.
            token: `next_token` of the part before.
        """
        request = pb.ListCasesRequest(
            page=common_pb2.PageRequest(size=size, token=token),
            state=state_to_wire(state) if state else cases_pb2.CASE_STATE_UNSPECIFIED,
            owner_unit=owner_unit,
            first_asked_unit=first_asked_unit,
            offered_to_unit=offered_to_unit,
            overdue_only=overdue_only,
        )
        answer = await self._calls.unary(self._stub.ListCases, request)
        return CasePage(tuple(case_from_wire(case) for case in answer.cases), answer.page.next_token, answer.page.total)

    async def each(self, **wanted: Any) -> AsyncIterator[Case]:
        """Every case of a listing, part after part; arguments as `list`."""
        token = ""
        while True:
            page = await self.list(**wanted, token=token)
            for case in page.cases:
                yield case
            token = page.next_token
            if not token:
                return


def new_id() -> str:
    """An id for a case or a step that nobody has used."""
    return uuid4().hex


def _head(case: Case, unit: str, step_id: str | None) -> dict[str, Any]:
    return {"case_id": case.case_id, "step_id": step_id or new_id(), "owner_epoch": case.owner_epoch, "unit": unit}


def _offered_to(case: Case) -> str:
    """The unit that decides the offer; if there is none, the owner asks in vain and is told so."""
    return case.pending.to.unit if case.pending else case.owner.unit
