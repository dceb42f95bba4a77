"""A province's own words beside national entries: hung on, shown at its desks, and never told to anybody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposal_service_pb2_grpc, proposals_pb2
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.ids import check_id
from twelve333.core.library import codes as library_codes
from twelve333.core.library import proposal_codes as codes
from twelve333.core.library.proposals import Person
from twelve333.core.library.proposals_limits import check_person
from twelve333.core.library.sheets import paragraphs_of
from twelve333.core.library.supplements import Supplement, anchor_in, check_text
from twelve333.wire.proposals import supplement_to_wire

from ..context import NodeContext
from ..store import library, proposals


class SupplementHandlers(proposal_service_pb2_grpc.SupplementServiceServicer):
    """See `SupplementService`."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    async def PutSupplement(
        self, request: pb.PutSupplementRequest, context: ServicerContext[pb.PutSupplementRequest, proposals_pb2.Supplement]
    ) -> proposals_pb2.Supplement:
        """Hang a supplement on an entry, or give it another text."""
        person = Person(self._node.province, request.unit or self._node.province, current_caller().name)
        if wrong := check_id(request.supplement_id) or check_text(request.text) or check_person(person):
            raise Refused(wrong)

        def work(tx: Connection) -> Supplement:
            kept = self._made(tx, request, person)
            proposals.keep_supplement(tx, kept)
            return kept

        return supplement_to_wire(await self._node.audit.write("library.supplement", request.supplement_id, work))

    async def RemoveSupplement(
        self, request: pb.RemoveSupplementRequest, context: ServicerContext[pb.RemoveSupplementRequest, pb.RemoveSupplementResponse]
    ) -> pb.RemoveSupplementResponse:
        """Take a supplement away."""

        def work(tx: Connection) -> None:
            if not proposals.drop_supplement(tx, request.supplement_id):
                raise Refused(refuse(codes.SUPPLEMENT_NOT_FOUND, id=request.supplement_id[:64]))

        await self._node.audit.write("library.supplement.remove", request.supplement_id, work)
        return pb.RemoveSupplementResponse()

    async def ListSupplements(
        self, request: pb.ListSupplementsRequest, context: ServicerContext[pb.ListSupplementsRequest, pb.ListSupplementsResponse]
    ) -> pb.ListSupplementsResponse:
        """List supplements."""
        wanted = [request.entry_id] if request.entry_id else None
        found = await self._node.database.read(lambda tx: proposals.supplements(tx, wanted))
        return pb.ListSupplementsResponse(supplements=[supplement_to_wire(each) for each in found])

    def _made(self, tx: Connection, request: pb.PutSupplementRequest, person: Person) -> Supplement:
        held = replica.get(tx, library.tables, request.entry_id)
        if held is None:
            raise Refused(refuse(library_codes.ENTRY_NOT_FOUND, id=request.entry_id[:64]))
        before = proposals.supplement(tx, request.supplement_id)
        if before is not None and before.entry_id != request.entry_id:
            raise Refused(refuse(codes.ID_TAKEN, id=request.supplement_id))
        paragraphs = paragraphs_of(held.entry.body)
        anchor = before.anchor if before and not request.at else anchor_in(paragraphs, request.at)
        if isinstance(anchor, Refusal):
            raise Refused(anchor)
        head = request.supplement_id, request.entry_id, person.unit, anchor, held.version
        return Supplement(*head, request.text, person.name, self._node.clock())


class SupplementedReading(LibraryReading):
    """The library as the province's desks read it: what is found comes with the province's own supplements."""

    async def Search(
        self, request: library_pb.SearchRequest, context: ServicerContext[library_pb.SearchRequest, library_pb.SearchResponse]
    ) -> library_pb.SearchResponse:
        """Search, and lay the supplements beside each hit."""
        answer = await super().Search(request, context)
        found = await self._beside([hit.entry.entry.id for hit in answer.hits])
        for hit in answer.hits:
            hit.supplements.extend(found.get(hit.entry.entry.id, ()))
        return answer

    async def GetEntry(
        self, request: library_pb.GetEntryRequest, context: ServicerContext[library_pb.GetEntryRequest, library_pb.GetEntryResponse]
    ) -> library_pb.GetEntryResponse:
        """Give one entry with its supplements."""
        answer = await super().GetEntry(request, context)
        found = await self._beside([request.id])
        answer.supplements.extend(found.get(request.id, ()))
        return answer

    async def _beside(self, entry_ids: Sequence[str]) -> Mapping[str, list[proposals_pb2.Supplement]]:
        """The supplements of entries, by entry."""
        found: dict[str, list[proposals_pb2.Supplement]] = {}
        for each in await self._database.read(lambda tx: proposals.supplements(tx, entry_ids)) if entry_ids else ():
            found.setdefault(each.entry_id, []).append(supplement_to_wire(each))
        return found
