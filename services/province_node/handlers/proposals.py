"""Proposals at a node: made here, reviewed here first, then told to the hub; what the hub decides comes back the same way.

With the hub away people go on: their steps wait in the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.library_proposals import ProposalDesk, ProposalParts, admitted_sheet
from twelve333.adapters.library_returns import ProposalReturns
from twelve333.adapters.rpc.server import Register
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.delivery import Appliers
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposal_service_pb2_grpc
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.library import codes as library_codes
from twelve333.core.library import proposal_codes as codes
from twelve333.core.library.proposals import Person, Proposal, ProposalKind
from twelve333.core.library.proposals_meeting import Present
from twelve333.core.library.proposals_rules import Propose as Asked
from twelve333.core.library.proposals_rules import propose
from twelve333.core.library.sheets import Sheet, paragraphs_of, text_of
from twelve333.core.library.supplements import Loose, check_text, loose
from twelve333.wire.library import tombstone_from_wire
from twelve333.wire.proposal_views import loose_to_wire, proposal_to_wire
from twelve333.wire.proposals import KIND_IN, supplement_to_wire

from ..context import NodeContext
from ..store import library, proposals
from ..store.metadata import delivery
from .supplements import SupplementHandlers

log = logger("library")


class ProposalHandlers(ProposalDesk):
    """See `ProposalService`."""

    def __init__(self, node: NodeContext, parts: ProposalParts) -> None:
        super().__init__(parts)
        self._node = node

    async def Propose(
        self, request: pb.ProposeRequest, context: ServicerContext[pb.ProposeRequest, pb.ProposeResponse]
    ) -> pb.ProposeResponse:
        """Make, revise or submit a proposal, and show what is like it."""
        person = self.person(request.unit)

        def work(tx: Connection) -> pb.ProposeResponse:
            present, content = self.present(tx, request.entry_id)
            command = _command(tx, request, person, present.sheet)
            proposal = self._propose(tx, command, present, content)
            body = text_of(command.target.paragraphs) if command.target else ""
            alike = self.alike(tx, proposal.entry_id, command.title, body) if body else []
            return pb.ProposeResponse(proposal=proposal_to_wire(proposal, person), alike=alike)

        return await self._node.audit.write("library.propose", request.proposal_id, work)

    def _propose(self, tx: Connection, command: Asked, present: Present, content: bytes) -> Proposal:
        if replica.last_release(tx, library.tables) is None:
            raise Refused(refuse(library_codes.NOTHING_APPLIED))
        before = self.parts.store.load(tx, command.proposal_id, lock=True)
        held = replica.get(tx, library.tables, command.entry_id) if command.tombstone else None
        said = replace(command, title=held.entry.title) if held else command
        decision = accepted(propose(before, present, said, self._node.clock()))
        changes_text = before is None or decision.state.text_step != before.text_step
        return self.keep(tx, decision, content if changes_text else None)

    def more_tasks(self, tx: Connection) -> list[pb.Task]:
        """Supplements whose paragraph reads differently by now."""
        return [
            pb.Task(
                task_id=found.supplement.supplement_id,
                supplement_id=found.supplement.supplement_id,
                entry_id=found.supplement.entry_id,
                title=title,
                clashes=[loose_to_wire(found)],
            )
            for found, title in loose_supplements(tx)
        ]

    def resolve_other(self, tx: Connection, request: pb.ResolveTaskRequest) -> pb.ResolveTaskResponse:
        """Keep a supplement beside the paragraph as it reads now, with its own or other words; or let it go."""
        found = next((each for each, _ in loose_supplements(tx) if each.supplement.supplement_id == request.task_id), None)
        if found is None:
            raise Refused(refuse(codes.TASK_NOT_FOUND, id=request.task_id[:64]))
        held = replica.get(tx, library.tables, found.supplement.entry_id)
        if held is None or (request.take == pb.TAKE_THEIRS and not request.text):
            proposals.drop_supplement(tx, request.task_id)
            return pb.ResolveTaskResponse()
        text = request.text or found.supplement.text
        if wrong := check_text(text):
            raise Refused(wrong)
        kept = replace(found.supplement, anchor=found.theirs, base_version=held.version, text=text, by=self.person().name)
        kept = replace(kept, at=self._node.clock())
        proposals.keep_supplement(tx, kept)
        return pb.ResolveTaskResponse(supplement=supplement_to_wire(kept))


def proposal_services(node: NodeContext, signing: Signing) -> Sequence[Register]:
    """What desks and operators of the province are offered for proposals and supplements."""
    parts = ProposalParts(node.province, library.tables, proposals.store, node.audit, node.outbox, node.clock, signing.signer.sign)
    return [
        partial(proposal_service_pb2_grpc.add_ProposalServiceServicer_to_server, ProposalHandlers(node, parts)),
        partial(proposal_service_pb2_grpc.add_SupplementServiceServicer_to_server, SupplementHandlers(node)),
    ]


def proposal_appliers(node: NodeContext) -> Appliers:
    """What to do with what the hub tells of proposals."""
    return ProposalReturns(node.province, proposals.store, delivery, node.outbox, lambda before, step, origin: None).appliers()


def loose_supplements(tx: Connection) -> list[tuple[Loose, str]]:
    """Supplements that a person has to look at, each with the title of its entry."""
    found: list[tuple[Loose, str]] = []
    for each in proposals.supplements(tx):
        held = replica.get(tx, library.tables, each.entry_id)
        hanging = loose(each, paragraphs_of(held.entry.body) if held else None)
        if hanging is not None:
            found.append((hanging, held.entry.title if held else ""))
    return found


def _command(tx: Connection, request: pb.ProposeRequest, person: Person, base: Sheet | None) -> Asked:
    """What is asked.

    Raises:
        Refused: what is wrong with the entry or the removal.
    """
    kind = KIND_IN.get(request.kind, ProposalKind.CHANGE)
    tombstone = tombstone_from_wire(request.tombstone) if kind is ProposalKind.REMOVE else None
    if isinstance(tombstone, Refusal):
        raise Refused(tombstone)
    target, title = admitted_sheet(tx, library.tables, request.entry, request.entry_id, base) if request.entry else (None, "")
    rest = tuple(request.sources), request.note, request.draft
    return Asked(request.proposal_id, person, kind, request.entry_id, target, title, tombstone, *rest)
