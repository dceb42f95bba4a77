"""Cases at the hub: it is told of every step and shows them for supervision; it takes none itself."""

from __future__ import annotations

from grpc.aio import ServicerContext

from twelve333.api.cases.v1 import cases_pb2, service_pb2_grpc
from twelve333.api.cases.v1 import service_pb2 as pb
from twelve333.core.cases import codes
from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import check_id
from twelve333.wire.cases import case_to_wire, filter_from_wire, listing_to_wire

from ..context import HubContext
from ..store.cases import store


class CaseHandlers(service_pb2_grpc.CaseServiceServicer):
    """The part of `CaseService` that reads; the access table refuses the rest."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def GetCase(self, request: pb.GetCaseRequest, context: ServicerContext[pb.GetCaseRequest, cases_pb2.Case]) -> cases_pb2.Case:
        """Show one case with its history."""
        if refusal := check_id(request.case_id):
            raise Refused(refusal)
        case = await self._hub.audit.read_one("cases.read", request.case_id, lambda tx: store.load(tx, request.case_id))
        if case is None:
            raise Refused(refuse(codes.NOT_FOUND, id=request.case_id))
        return case_to_wire(case, self._hub.clock())

    async def ListCases(
        self, request: pb.ListCasesRequest, context: ServicerContext[pb.ListCasesRequest, pb.ListCasesResponse]
    ) -> pb.ListCasesResponse:
        """List cases without their history."""
        now = self._hub.clock()
        wanted = filter_from_wire(request, now)
        page = request.page
        cases, token, total = await self._hub.audit.read("cases.list", "", lambda tx: store.list(tx, wanted, page.size, page.token))
        return listing_to_wire(cases, token, total, now)

    async def _nobody(self, request: object, context: object) -> cases_pb2.Case:
        raise AssertionError("the access table admits nobody: steps are taken at the node of the unit")

    OpenCase = TransferCase = AcceptCase = RefuseCase = AnswerCase = TellCaller = CloseCase = _nobody
