"""Cases at a node: steps of its own units, steps that other members tell it of, and what it knows.

A step is one unit of work: load, decide, keep, and append what must be told to the outbox. The hub is not asked: cases go on without it.
"""

from __future__ import annotations

from dataclasses import replace

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from twelve333.adapters.rpc.access import current_caller
from twelve333.api.cases.v1 import cases_pb2, service_pb2_grpc
from twelve333.api.cases.v1 import service_pb2 as pb
from twelve333.core.cases import codes, messages
from twelve333.core.cases.model import Case
from twelve333.core.decision import Decision, Refused, accepted, refuse
from twelve333.core.ids import check_id
from twelve333.wire.cases import case_to_wire, filter_from_wire, listing_to_wire

from ..case_steps import CaseSteps, serving_members
from ..context import NodeContext
from ..store.cases import store

_decided = metrics.get_meter("twelve333.cases").create_counter(
    "twelve333.cases.steps_decided", description="steps taken for units of this node, by kind"
)


class CaseHandlers(service_pb2_grpc.CaseServiceServicer):
    """See `CaseService`."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._steps = CaseSteps(node)

    async def OpenCase(self, request: pb.OpenCaseRequest, context: ServicerContext[pb.OpenCaseRequest, cases_pb2.Case]) -> cases_pb2.Case:
        """Open a case for a caller of one of our units."""
        signer = current_caller().name
        command = messages.OpenCase(request.case_id, request.unit, signer, request.topic, request.region, request.summary)
        return await self._take(command, request.case_id, request.unit)

    async def TransferCase(
        self, request: pb.TransferCaseRequest, context: ServicerContext[pb.TransferCaseRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Offer a case to another unit."""
        return await self._step(messages.TransferCase(_signature(request), request.to_unit))

    async def AcceptCase(
        self, request: pb.AcceptCaseRequest, context: ServicerContext[pb.AcceptCaseRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Take over a case that is offered to one of our units."""
        return await self._step(messages.AcceptCase(_signature(request)))

    async def RefuseCase(
        self, request: pb.RefuseCaseRequest, context: ServicerContext[pb.RefuseCaseRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Do not take a case that is offered to one of our units."""
        return await self._step(messages.RefuseCase(_signature(request), request.reason))

    async def AnswerCase(
        self, request: pb.AnswerCaseRequest, context: ServicerContext[pb.AnswerCaseRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Answer a case that one of our units owns."""
        return await self._step(messages.AnswerCase(_signature(request), request.answer))

    async def TellCaller(
        self, request: pb.TellCallerRequest, context: ServicerContext[pb.TellCallerRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Record that the caller was told."""
        return await self._step(messages.TellCaller(_signature(request)))

    async def CloseCase(
        self, request: pb.CloseCaseRequest, context: ServicerContext[pb.CloseCaseRequest, cases_pb2.Case]
    ) -> cases_pb2.Case:
        """Close a case that one of our units was asked first."""
        return await self._step(messages.CloseCase(_signature(request)))

    async def GetCase(self, request: pb.GetCaseRequest, context: ServicerContext[pb.GetCaseRequest, cases_pb2.Case]) -> cases_pb2.Case:
        """Show one case with its history."""
        if refusal := check_id(request.case_id):
            raise Refused(refusal)
        case = await self._node.audit.read_one("cases.read", request.case_id, lambda tx: store.load(tx, request.case_id))
        if case is None:
            raise Refused(refuse(codes.NOT_FOUND, id=request.case_id))
        return case_to_wire(case, self._node.clock())

    async def ListCases(
        self, request: pb.ListCasesRequest, context: ServicerContext[pb.ListCasesRequest, pb.ListCasesResponse]
    ) -> pb.ListCasesResponse:
        """List cases without their history."""
        now = self._node.clock()
        wanted = replace(filter_from_wire(request, now), party=self._node.province)
        page = request.page
        cases, token, total = await self._node.audit.read("cases.list", "", lambda tx: store.list(tx, wanted, page.size, page.token))
        return listing_to_wire(cases, token, total, now)

    async def _step(self, command: messages.LaterCommand) -> cases_pb2.Case:
        units = [command.signature.unit] + ([command.to_unit] if isinstance(command, messages.TransferCase) else [])
        return await self._take(command, command.signature.case_id, *units)

    async def _take(self, command: messages.Command, case_id: str, *units: str) -> cases_pb2.Case:
        node, now = self._node, self._node.clock()
        member_of = serving_members(node.directory.current, units)

        def keep(tx: Connection) -> Decision[Case]:
            return accepted(self._steps.take(tx, command, case_id, member_of, now))

        action = f"cases.{type(command).__name__}"
        try:
            decision = await node.audit.write(action, case_id, keep)
        except IntegrityError:  # the same opening at the same moment, twice: now the first one is there and answers
            decision = await node.audit.write(action, case_id, keep)
        for event in decision.events:
            _decided.add(1, {"step": type(event).__name__})
        return case_to_wire(decision.state, now)


def _signature(
    request: pb.TransferCaseRequest
    | pb.AcceptCaseRequest
    | pb.RefuseCaseRequest
    | pb.AnswerCaseRequest
    | pb.TellCallerRequest
    | pb.CloseCaseRequest,
) -> messages.Signature:
    return messages.Signature(request.case_id, request.step_id, request.owner_epoch, request.unit, current_caller().name)
