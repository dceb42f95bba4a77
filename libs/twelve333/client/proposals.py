"""Proposals to the library and local supplements: made and reviewed at a node, then at the hub.

async with Connection.open_profile("350000/profiles/operator") as node:
    answer = await node.proposals.propose(entry, kind=ProposalKind.CHANGE, note="漏了第二条")
    print(answer.proposal.state, [alike.entry_id for alike in answer.alike])
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from ..api.common.v1 import common_pb2
from ..api.library.v1 import proposal_service_pb2 as pb
from ..api.library.v1 import proposal_service_pb2_grpc
from ..core.library.likeness import Row
from ..core.library.merging import Side
from ..core.library.model import Entry, Tombstone
from ..core.library.proposals import Person, ProposalKind, Published, State, Step, Verdict
from ..core.library.supplements import Supplement
from ..wire.library import content_of, tombstone_to_wire
from ..wire.proposal_views import state_of
from ..wire.proposals import (
    KIND_IN,
    KIND_OUT,
    VERDICT_OUT,
    person_from_wire,
    published_from_wire,
    step_from_wire,
    supplement_from_wire,
)
from ..wire.times import from_timestamp
from .calls import Calls

_TAKES = {Side.MINE: pb.TAKE_MINE, Side.THEIRS: pb.TAKE_THEIRS}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it stands.

    Args:
        proposal_id, entry_id, kind, title, proposer, state: what, whose, and where it is.
        version, text_step: steps taken, and the one that brought in the present text.
        changed_at: when the last step was taken.
        waits_for_you: whether you may and should review it now.
        approvals, approvals_needed: persons of the present stage who said that it may go on, of how many.
        returned_because: why it was returned; empty if it was not.
        published: what became of it, once it is accepted or merged.
    """

    proposal_id: str
    entry_id: str
    kind: ProposalKind
    title: str
    proposer: Person
    state: State
    version: int
    text_step: int
    changed_at: datetime
    waits_for_you: bool
    approvals: int
    approvals_needed: int
    returned_because: str
    published: Published | None


@dataclass(frozen=True, slots=True)
class AlikeEntry:
    """What the library says already that is like a text: how much (0 to 1), and both side by side (left: the library)."""

    entry_id: str
    title: str
    similarity: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """A place where a person has to decide: what both started from, what the library says now, and what is proposed or hung on."""

    place: str
    base: str
    theirs: str
    mine: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal that was made or revised, and what is like it."""

    proposal: Proposal
    alike: tuple[AlikeEntry, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A proposal with everything that a reviewer needs.

    Args:
        history: every step.
        fields: name, before and after of each field that changes.
        rows: paragraphs that change, before and after.
        alike: what the library says already that is like it.
        clashes: where it clashes with the library now; empty if it merges by itself.
        sources, note: what it rests on, and a word to the reviewers.
    """

    proposal: Proposal
    history: tuple[Step, ...]
    fields: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]
    alike: tuple[AlikeEntry, ...]
    clashes: tuple[Clash, ...]
    sources: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Task:
    """Something to decide: a proposal that clashes with the library, or a supplement whose paragraph reads differently."""

    task_id: str
    is_supplement: bool
    entry_id: str
    title: str
    clashes: tuple[Clash, ...]


class ProposalsClient:
    """Typed calls of `ProposalService` (hub and node) and `SupplementService` (node). Each may raise `ServiceError`."""

    def __init__(self, calls: Calls, member: str) -> None:
        self._calls, self._member = calls, member
        self._stub = proposal_service_pb2_grpc.ProposalServiceStub(calls.channel)
        self._supplements = proposal_service_pb2_grpc.SupplementServiceStub(calls.channel)

    async def propose(
        self,
        entry: Entry,
        *,
        kind: ProposalKind = ProposalKind.NEW,
        sources: tuple[str, ...] = (),
        note: str = "",
        unit: str = "",
        draft: bool = False,
        proposal_id: str | None = None,
    ) -> Proposed:
        """Propose a new entry or another text of one (node); a draft or a returned proposal gets another text by its id.

        Args:
            entry: as it should be.
            kind: NEW or CHANGE.
            sources, note: what it rests on (up to 20), and a word to the reviewers.
            unit: for which unit; the province if empty.
            draft: do not submit it yet.
            proposal_id: begins with the province's code and a dash; made up if None. The same again is a repeat.
        """
        request = pb.ProposeRequest(kind=KIND_OUT[kind], entry_id=entry.id, entry=content_of(entry), sources=sources, note=note)
        return await self._propose(request, unit, draft, proposal_id)

    async def propose_removal(
        self,
        entry_id: str,
        tombstone: Tombstone,
        *,
        sources: tuple[str, ...] = (),
        note: str = "",
        unit: str = "",
        proposal_id: str | None = None,
    ) -> Proposed:
        """Propose that an entry goes (node); arguments as `propose`."""
        kind, reason = KIND_OUT[ProposalKind.REMOVE], tombstone_to_wire(tombstone)
        request = pb.ProposeRequest(kind=kind, entry_id=entry_id, tombstone=reason, sources=sources, note=note)
        return await self._propose(request, unit, draft=False, proposal_id=proposal_id)

    async def submit(self, proposal: Proposal) -> Proposed:
        """Submit a draft as it is (node)."""
        request = pb.ProposeRequest(kind=KIND_OUT[proposal.kind], entry_id=proposal.entry_id)
        return await self._propose(request, proposal.proposer.unit, draft=False, proposal_id=proposal.proposal_id)

    async def get(self, proposal_id: str) -> Shown:
        """One proposal with its steps, what it changes, what is like it, and what it clashes with."""
        shown = await self._calls.unary(self._stub.GetProposal, pb.GetProposalRequest(proposal_id=proposal_id))
        return Shown(
            _proposal(shown.proposal),
            tuple(step_from_wire(step) for step in shown.history),
            tuple((field.name, field.before, field.after) for field in shown.fields),
            _rows(shown.rows),
            tuple(_alike(each) for each in shown.alike),
            tuple(_clash(each) for each in shown.clashes),
            tuple(shown.sources),
            shown.note,
        )

    async def list(self, *, mine: bool = False, to_review: bool = False) -> AsyncIterator[Proposal]:
        """Every proposal that is known there, the last changed first.

        Args:
            mine: only those that you made.
            to_review: only those that wait for your review.
        """
        token = ""
        while True:
            asked = pb.ListProposalsRequest(page=common_pb2.PageRequest(token=token), mine=mine, to_review=to_review)
            answer = await self._calls.unary(self._stub.ListProposals, asked)
            for each in answer.proposals:
                yield _proposal(each)
            token = answer.page.next_token
            if not token:
                return

    async def review(
        self, proposal: Proposal, verdict: Verdict, *, reason: str = "", merge_into: str = "", merged: Entry | None = None
    ) -> Proposal:
        """Say what becomes of a proposal, as you have read it; refused if its text has changed since.

        Args:
            proposal: as read.
            verdict: accept, return (with a reason) or merge (the ministry).
            reason: why; compulsory for a return.
            merge_into: for a merge, the entry that it goes into.
            merged: that entry as it should be then; None if it says everything already, or as another reviewer has put it.
        """
        text = content_of(merged) if merged else b""
        asked = pb.ReviewProposalRequest(proposal_id=proposal.proposal_id, seen=proposal.text_step, verdict=VERDICT_OUT[verdict])
        asked.MergeFrom(pb.ReviewProposalRequest(reason=reason, merge_into=merge_into, merged=text))
        return _proposal((await self._calls.unary(self._stub.ReviewProposal, asked)).proposal)

    async def tasks(self) -> tuple[Task, ...]:
        """What a person has to decide there."""
        found = await self._calls.unary(self._stub.ListTasks, pb.ListTasksRequest())
        return tuple(
            Task(each.task_id, bool(each.supplement_id), each.entry_id, each.title, tuple(_clash(one) for one in each.clashes))
            for each in found.tasks
        )

    async def resolve(
        self, task_id: str, take: Side | None = None, *, entry: Entry | None = None, text: str = ""
    ) -> Proposal | Supplement | None:
        """Decide a task.

        Args:
            task_id: which.
            take: whose words count where they clash: MINE (the proposal's; the supplement stays) or THEIRS (the library's; it goes).
            entry: in place of `take`, for a proposal: the entry as it should be; who writes it never reviews it.
            text: in place of `take`, for a supplement: its words.

        Returns:
            The proposal, whose reviewers of this stage begin anew; or the supplement, None if it went.
        """
        asked = pb.ResolveTaskRequest(task_id=task_id, text=text, entry=content_of(entry) if entry else b"")
        if take is not None:
            asked.take = _TAKES[take]
        answer = await self._calls.unary(self._stub.ResolveTask, asked)
        if answer.HasField("proposal"):
            return _proposal(answer.proposal)
        return supplement_from_wire(answer.supplement) if answer.HasField("supplement") else None

    async def put_supplement(
        self, entry_id: str, text: str, *, at: str = "", unit: str = "", supplement_id: str | None = None
    ) -> Supplement:
        """Hang a local supplement on an entry (node): seen with it at this province's desks, and nowhere else.

        Args:
            entry_id: the entry.
            text: Markdown, 1 to 4,000 characters.
            at: words of the one paragraph that it hangs on; empty for the whole entry.
            unit: for which unit; the province if empty.
            supplement_id: made up if None; of one that is there: it gets another text.
        """
        asked = pb.PutSupplementRequest(supplement_id=supplement_id or f"supplement-{uuid4().hex[:12]}", entry_id=entry_id, unit=unit)
        asked.MergeFrom(pb.PutSupplementRequest(at=at, text=text))
        return supplement_from_wire(await self._calls.unary(self._supplements.PutSupplement, asked))

    async def remove_supplement(self, supplement_id: str) -> None:
        """Take a local supplement away (node)."""
        await self._calls.unary(self._supplements.RemoveSupplement, pb.RemoveSupplementRequest(supplement_id=supplement_id))

    async def supplements(self, entry_id: str = "") -> tuple[Supplement, ...]:
        """Local supplements (node), of one entry if it is named."""
        found = await self._calls.unary(self._supplements.ListSupplements, pb.ListSupplementsRequest(entry_id=entry_id))
        return tuple(supplement_from_wire(each) for each in found.supplements)

    async def _propose(self, request: pb.ProposeRequest, unit: str, draft: bool, proposal_id: str | None) -> Proposed:
        named = proposal_id or f"{self._member}-{uuid4().hex[:12]}"
        request.MergeFrom(pb.ProposeRequest(proposal_id=named, unit=unit, draft=draft))
        answer = await self._calls.unary(self._stub.Propose, request)
        return Proposed(_proposal(answer.proposal), tuple(_alike(each) for each in answer.alike))


def _proposal(message: pb.Proposal) -> Proposal:
    return Proposal(
        message.proposal_id,
        message.entry_id,
        KIND_IN[message.kind],
        message.title,
        person_from_wire(message.proposer),
        state_of(message.state),
        message.version,
        message.text_step,
        from_timestamp(message.changed_at),
        message.waits_for_you,
        message.approvals,
        message.approvals_needed,
        message.returned_because,
        published_from_wire(message.published) if message.HasField("published") else None,
    )


def _rows(messages: Iterable[pb.SideRow]) -> tuple[Row, ...]:
    return tuple(
        Row(row.left if row.HasField("left") else None, row.right if row.HasField("right") else None, row.same) for row in messages
    )


def _alike(message: pb.AlikeEntry) -> AlikeEntry:
    return AlikeEntry(message.entry_id, message.title, message.similarity, _rows(message.rows))


def _clash(message: pb.ClashShown) -> Clash:
    return Clash(message.place, message.base, message.theirs, message.mine)
