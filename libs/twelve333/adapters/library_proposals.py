"""Proposals as a member handles them, the same at hub and node: show, review, decide what clashes.

Each step is kept and told in one unit of work. Where the library says something else by now than when a proposal was made, the two
are merged each time anew, so nothing is kept that could be out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from ..api.common.v1 import common_pb2
from ..api.library.v1 import proposal_service_pb2 as pb
from ..api.library.v1 import proposal_service_pb2_grpc, proposals_pb2
from ..core.decision import Decision, Refusal, Refused, accepted, refuse
from ..core.ids import HUB
from ..core.library import codes as library_codes
from ..core.library import proposal_codes as codes
from ..core.library.likeness import Row, beside, side_by_side
from ..core.library.mapping import looked_at
from ..core.library.merging import Side
from ..core.library.model import NATIONAL
from ..core.library.proposals import Merging, Person, Proposal, ProposalKind, Reviewed, Seal, State, Text, Verdict
from ..core.library.proposals_machine import STAGES, apply, decides, waits_for
from ..core.library.proposals_meeting import Meeting, Present, digest_of_sheet, meet, proposed_sheet, text_from
from ..core.library.proposals_rules import Review, resolve, review
from ..core.library.sheets import EMPTY, Sheet, paragraphs_of, text_of
from ..wire.library import entry_from_content
from ..wire.library_parts import with_topics
from ..wire.proposal_views import clashes_to_wire, fields_shown, proposal_to_wire, row_to_wire
from ..wire.proposals import VERDICT_IN, agreed_said, step_to_wire
from ..wire.sheets import content_of_sheet, keep_unknown, sheet_of
from .audit import Auditor
from .clock import Clock
from .library_topics import classification
from .rpc.access import current_caller
from .signing.statements import Signature
from .sql import library as replica
from .sql.delivery import Outbox
from .sql.library import Held
from .sql.library_tables import LibraryTables
from .sql.likeness import alike
from .sql.proposals import ProposalStore

TASKS_MOST: Final = 500
SIDES: Final = {pb.TAKE_MINE: Side.MINE, pb.TAKE_THEIRS: Side.THEIRS}


@dataclass(frozen=True, slots=True)
class ProposalParts:
    """What a member handles proposals with.

    Args:
        member: who this is.
        tables, store: its replica of the library, and its proposals.
        audit, outbox, clock: of the service.
        sign: signs in the member's name.
    """

    member: str
    tables: LibraryTables
    store: ProposalStore
    audit: Auditor
    outbox: Outbox
    clock: Clock
    sign: Callable[[bytes], Signature]


def admitted_sheet(tx: Connection, tables: LibraryTables, content: bytes, entry_id: str, base: Sheet | None) -> tuple[Sheet, str]:
    """What the bytes of an entry say, with its title, if the entry is in order and is the one that is meant.

    Its codes are looked at as a publication's are, by the classification in use: a merged one becomes its target.

    Args:
        tx, tables: the replica with that classification.
        content, entry_id: the bytes, and the entry that is meant.
        base: what the library says of it; fields of it that nobody here knows stay.

    Raises:
        Refused: what is wrong with it; LIBRARY_PROPOSAL_ENTRY_OTHER.
    """
    entry = entry_from_content(content)
    if isinstance(entry, Refusal):
        raise Refused(entry)
    if entry.id != entry_id:
        raise Refused(refuse(codes.ENTRY_OTHER, other=entry.id[:64], id=entry_id[:64]))
    now, wrong = looked_at(entry, classification(tx, tables, [entry]))
    if wrong:
        raise Refused(Refusal(wrong[0].code, wrong[0].params, wrong))
    sheet = sheet_of(content if now == entry.topics else with_topics(content, now, entry.topics))
    if isinstance(sheet, Refusal):
        raise Refused(sheet)
    return keep_unknown(sheet, base), entry.title


class ProposalDesk(proposal_service_pb2_grpc.ProposalServiceServicer):
    """The part of `ProposalService` that hub and node have in common."""

    def __init__(self, parts: ProposalParts) -> None:
        self.parts = parts

    # What a service adds

    def base_content(self, tx: Connection, proposal: Proposal) -> bytes:
        """The bytes of the entry that the present text starts from; empty if they are not known any more."""
        return self.parts.store.base(tx, proposal.proposal_id)

    def finish(self, tx: Connection, before: Proposal, step: Reviewed) -> Reviewed:
        """What else belongs to the step that ends a stage; the hub publishes here."""
        return step

    def more_tasks(self, tx: Connection) -> list[pb.Task]:
        """Tasks that are not about proposals."""
        return []

    def resolve_other(self, tx: Connection, request: pb.ResolveTaskRequest) -> pb.ResolveTaskResponse:
        """Decide a task that is not about a proposal."""
        raise Refused(refuse(codes.TASK_NOT_FOUND, id=request.task_id[:64]))

    # What they share

    async def GetProposal(
        self, request: pb.GetProposalRequest, context: ServicerContext[pb.GetProposalRequest, pb.GetProposalResponse]
    ) -> pb.GetProposalResponse:
        """Show everything that a reviewer needs."""
        person = self.person()
        return await self.parts.audit.read("library.proposal", request.proposal_id, lambda tx: self._shown(tx, request.proposal_id, person))

    async def ListProposals(
        self, request: pb.ListProposalsRequest, context: ServicerContext[pb.ListProposalsRequest, pb.ListProposalsResponse]
    ) -> pb.ListProposalsResponse:
        """List proposals without their text."""
        person, page = self.person(), request.page
        states = [state for state in STAGES if request.to_review]
        mine = (person.member, person.name) if request.mine else None
        found, token = await self.parts.audit.read(
            "library.proposals", "", lambda tx: self.parts.store.list(tx, states, mine, page.size, page.token)
        )
        shown = [proposal_to_wire(each, person) for each in found if not request.to_review or waits_for(each, person)]
        return pb.ListProposalsResponse(proposals=shown, page=common_pb2.PageInfo(next_token=token, total=len(shown)))

    async def ReviewProposal(
        self, request: pb.ReviewProposalRequest, context: ServicerContext[pb.ReviewProposalRequest, pb.ReviewProposalResponse]
    ) -> pb.ReviewProposalResponse:
        """Take what a reviewer says."""
        person = self.person()
        review = partial(self._review, request=request, person=person)
        proposal = await self.parts.audit.write("library.review", request.proposal_id, review)
        return pb.ReviewProposalResponse(proposal=proposal_to_wire(proposal, person))

    async def ListTasks(
        self, request: pb.ListTasksRequest, context: ServicerContext[pb.ListTasksRequest, pb.ListTasksResponse]
    ) -> pb.ListTasksResponse:
        """List what a person has to decide here."""
        found = await self.parts.audit.read("library.tasks", "", self._tasks)
        return pb.ListTasksResponse(tasks=sorted(found, key=lambda task: task.task_id))

    async def ResolveTask(
        self, request: pb.ResolveTaskRequest, context: ServicerContext[pb.ResolveTaskRequest, pb.ResolveTaskResponse]
    ) -> pb.ResolveTaskResponse:
        """Take a decision."""
        person = self.person()
        return await self.parts.audit.write("library.task", request.task_id, lambda tx: self._resolve(tx, request, person))

    def person(self, unit: str = "") -> Person:
        """Who calls, for which unit."""
        member = self.parts.member
        return Person(member, unit or (NATIONAL if member == HUB else member), current_caller().name)

    def load(self, tx: Connection, proposal_id: str, *, lock: bool = False) -> Proposal:
        """A proposal that must be there; `lock` holds it until the end of the unit of work."""
        proposal = self.parts.store.load(tx, proposal_id, lock=lock)
        if proposal is None:
            raise Refused(refuse(codes.NOT_FOUND, id=proposal_id[:64]))
        return proposal

    def present(self, tx: Connection, entry_id: str) -> tuple[Present, bytes]:
        """What the library says of an entry now, and its bytes."""
        held = replica.get(tx, self.parts.tables, entry_id)
        if held is None:
            return Present(None, 0), b""
        return Present(_sheet(held.content), held.version), held.content

    def keep(self, tx: Connection, decision: Decision[Proposal], base: bytes | None = None) -> Proposal:
        """Keep what was decided and tell the other side."""
        parts, proposal = self.parts, decision.state
        parts.store.keep(tx, decision, base)
        destination = proposal.member if parts.member == HUB else HUB
        for step in decision.events:
            message = proposals_pb2.ProposalStepTaken(step=step_to_wire(step))  # type: ignore[arg-type]
            parts.outbox.append(tx, destination=destination, message=message, key=proposal.proposal_id, now=parts.clock())
        return proposal

    def meeting(self, tx: Connection, proposal: Proposal) -> Meeting | Refusal:
        """What comes of a proposal on the present text; refused if what it starts from is not known any more."""
        present, _ = self.present(tx, proposal.entry_id)
        base = self._base(tx, proposal, present)
        mine = proposed_sheet(proposal.text, base)
        return mine if isinstance(mine, Refusal) else meet(proposal.text, base, mine, present)

    def merged(self, tx: Connection, proposal: Proposal) -> Sheet | None:
        """What the library would say if the proposal were accepted now; None for a removal.

        Raises:
            Refused: LIBRARY_PROPOSAL_CLASHES, LIBRARY_PROPOSAL_BASE_DIFFERS.
        """
        met = self.meeting(tx, proposal)
        if isinstance(met, Refusal):
            raise Refused(met)
        if met.clashes:
            raise Refused(refuse(codes.CLASHES, id=proposal.proposal_id, count=len(met.clashes), task=proposal.proposal_id))
        return met.mine

    def alike(self, tx: Connection, entry_id: str, title: str, body: str) -> list[pb.AlikeEntry]:
        """What the library says already that is like a text, side by side with it."""
        found = alike(tx, self.parts.tables, title, body, leave_out=entry_id)
        return [_alike(each.share, held, body) for each, held in found]

    def _base(self, tx: Connection, proposal: Proposal, present: Present) -> Sheet:
        text = proposal.text
        if not text.base_version:
            return EMPTY
        if present.sheet is not None and digest_of_sheet(present.sheet) == text.base_digest:
            return present.sheet
        kept = self.base_content(tx, proposal)
        return _sheet(kept) if kept else EMPTY

    def _shown(self, tx: Connection, proposal_id: str, person: Person) -> pb.GetProposalResponse:
        proposal = self.load(tx, proposal_id)
        text, met = proposal.text, self.meeting(tx, proposal)
        shown = pb.GetProposalResponse(
            proposal=proposal_to_wire(proposal, person),
            history=[step_to_wire(step) for step in proposal.history],
            fields=fields_shown(text),
            rows=[row_to_wire(row) for row in changed_rows(text)],
            sources=proposal.sources,
            note=proposal.note,
        )
        if isinstance(met, Refusal) or proposal.state in (State.ACCEPTED, State.MERGED):
            return shown
        shown.clashes.extend(clashes_to_wire(met))
        if met.mine is not None:
            shown.alike.extend(self.alike(tx, proposal.entry_id, text.title, text_of(met.mine.paragraphs)))
            if not met.clashes:
                shown.entry = content_of_sheet(proposal.entry_id, met.mine)
        return shown

    def _review(self, tx: Connection, request: pb.ReviewProposalRequest, person: Person) -> Proposal:
        proposal, verdict = self.load(tx, request.proposal_id, lock=True), VERDICT_IN.get(request.verdict, Verdict.RETURN)
        merging = self._merging(tx, proposal, request) if verdict is Verdict.MERGE else None
        said = Review(person, request.seen, verdict, request.reason, merging)
        decision = accepted(review(proposal, said, self.parts.clock()))
        step = decision.events[0] if decision.events else None
        if not isinstance(step, Reviewed):
            return proposal
        if verdict is Verdict.ACCEPT:
            self.merged(tx, proposal)
        if verdict is not Verdict.RETURN and decision.state.state is not proposal.state:
            decision = accepted(apply(proposal, self._ended(tx, proposal, step)))
        return self.keep(tx, decision)

    def _ended(self, tx: Connection, before: Proposal, step: Reviewed) -> Reviewed:
        """The step that ends a stage, under the seal of the member."""
        signed = self.parts.sign(agreed_said(before, step.verdict, step.merging))
        seal = Seal(self.parts.member, signed.value, tuple(signed.chain))
        return self.finish(tx, before, replace(step, seal=seal))

    def _merging(self, tx: Connection, proposal: Proposal, request: pb.ReviewProposalRequest) -> Merging:
        """Into what, and with which text; without one, as another reviewer has put it, or the entry as it is."""
        entry_id = request.merge_into
        present, content = self.present(tx, entry_id)
        if present.sheet is None:
            raise Refused(refuse(library_codes.ENTRY_NOT_FOUND, id=entry_id[:64]))
        standing = [vote.merging for vote in proposal.votes if vote.merging and vote.merging.entry_id == entry_id]
        if not request.merged and standing:
            return standing[-1]
        sheet, title = admitted_sheet(tx, self.parts.tables, request.merged or content, entry_id, present.sheet)
        text = text_from(present, sheet, title)
        digest = digest_of_sheet(present.sheet)
        return Merging(entry_id, Text(title, present.version, digest, digest) if isinstance(text, Refusal) else text)

    def _tasks(self, tx: Connection) -> list[pb.Task]:
        waiting = (State.DRAFT, State.PROVINCE_REVIEW, State.MINISTRY_REVIEW)
        proposals, _ = self.parts.store.list(tx, waiting, size=TASKS_MOST)
        tasks = self.more_tasks(tx)
        for proposal in proposals:
            met = self.meeting(tx, proposal) if decides(proposal) == self.parts.member else None
            if isinstance(met, Meeting) and met.clashes:
                named = {"task_id": proposal.proposal_id, "proposal_id": proposal.proposal_id, "entry_id": proposal.entry_id}
                tasks.append(pb.Task(**named, title=proposal.text.title, clashes=clashes_to_wire(met)))
        return tasks

    def _resolve(self, tx: Connection, request: pb.ResolveTaskRequest, person: Person) -> pb.ResolveTaskResponse:
        proposal = self.parts.store.load(tx, request.task_id, lock=True)
        if proposal is None:
            return self.resolve_other(tx, request)
        met = self.meeting(tx, proposal)
        if isinstance(met, Refusal) or not met.clashes:
            raise Refused(refuse(codes.TASK_NOT_FOUND, id=request.task_id[:64]))
        present, content = self.present(tx, proposal.entry_id)
        text = self._decided(tx, proposal, met, present, request)
        decision = accepted(resolve(proposal, person, text, bool(request.entry), self.parts.clock()))
        return pb.ResolveTaskResponse(proposal=proposal_to_wire(self.keep(tx, decision, content), person))

    def _decided(self, tx: Connection, proposal: Proposal, met: Meeting, present: Present, request: pb.ResolveTaskRequest) -> Text:
        """The text that a proposal goes on with, as the difference to what the library says now."""
        target, title = met.taking(SIDES.get(request.take, Side.THEIRS)), proposal.text.title
        if request.entry:
            target, title = admitted_sheet(tx, self.parts.tables, request.entry, proposal.entry_id, present.sheet)
        if proposal.kind is ProposalKind.REMOVE and target is not None:
            raise Refused(refuse(codes.NOTHING_CHANGES))
        text = text_from(present, target, title, proposal.text.tombstone)
        if isinstance(text, Refusal):
            raise Refused(text)
        return text


def changed_rows(text: Text) -> list[Row]:
    """The paragraphs that a proposal changes, before and after."""
    return [row for change in text.change.paragraphs for row in beside(change.removed, change.added)]


def _alike(share: float, held: Held, body: str) -> pb.AlikeEntry:
    rows = [row_to_wire(row) for row in side_by_side(paragraphs_of(held.entry.body), paragraphs_of(body))]
    return pb.AlikeEntry(entry_id=held.entry_id, title=held.entry.title, similarity=round(share, 3), rows=rows)


def _sheet(content: bytes) -> Sheet:
    sheet = sheet_of(content)
    if isinstance(sheet, Refusal):
        raise Refused(sheet)
    return sheet
