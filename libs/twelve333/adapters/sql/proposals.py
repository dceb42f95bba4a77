"""Where a member keeps proposals: every step, and a row of each for listings. The steps are the truth; hub and node keep them alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, Index, Integer, LargeBinary, MetaData, String, Table, and_, insert, or_, select, update

from ...api.library.v1 import proposals_pb2 as pb
from ...core.decision import Decision, Refused, accepted, refuse
from ...core.ids import HUB
from ...core.library import proposal_codes as codes
from ...core.library.proposals import Proposal, State, Step
from ...core.library.proposals_machine import apply
from ...wire.proposals import step_from_wire, step_to_wire
from .types import UtcDateTime

PAGE_USUAL: Final = 100
PAGE_MAX: Final = 500


class ProposalStore:
    """The tables of one service and plain functions on them; each takes the connection of a unit of work."""

    def __init__(self, metadata: MetaData) -> None:
        self.proposals = _proposal_table(metadata)
        self.steps = _step_table(metadata)

    def load(self, tx: Connection, proposal_id: str, *, lock: bool = False) -> Proposal | None:
        """One proposal with its whole history, or None; `lock` holds it until the end of the unit of work."""
        row = select(self.proposals.c.proposal_id).where(self.proposals.c.proposal_id == proposal_id)
        if lock:
            tx.execute(row.with_for_update())
        query = select(self.steps.c.step).where(self.steps.c.proposal_id == proposal_id).order_by(self.steps.c.version)
        proposal: Proposal | None = None
        for data in tx.execute(query).scalars():
            proposal = accepted(apply(proposal, step_from_wire(pb.ProposalStep.FromString(data)))).state
        return proposal

    def keep(self, tx: Connection, decision: Decision[Proposal], base: bytes | None = None) -> None:
        """Keep what was decided.

        Args:
            base: the bytes of the entry that the present text starts from, where this member would not find them again.
        """
        proposal, steps = decision.state, [step for step in decision.events if isinstance(step, Step)]
        if not steps:
            return
        values: dict[str, object] = {"state": proposal.state.value, "changed_at": proposal.last.stamp.at}
        if base is not None:
            values["base"] = base
        if steps[0].stamp.version == 1:
            named = {"proposal_id": proposal.proposal_id, "entry_id": proposal.entry_id, "member": proposal.member}
            tx.execute(insert(self.proposals).values(proposer=proposal.proposer.name, **named, **values))
        else:
            tx.execute(update(self.proposals).where(self.proposals.c.proposal_id == proposal.proposal_id).values(**values))
        tx.execute(insert(self.steps), [_row(step) for step in steps])

    def take(self, tx: Connection, step: Step, origin: str) -> Decision[Proposal]:
        """Take a step that another member decided; one that is known already changes nothing.

        Raises:
            Refused: LIBRARY_PROPOSAL_STEP_MALFORMED, LIBRARY_PROPOSAL_OUT_OF_TURN, or why it was not that member's to take.
        """
        stamp, before = step.stamp, self.load(tx, step.stamp.proposal_id, lock=True)
        if stamp.by.member != origin or (origin != HUB and not stamp.proposal_id.startswith(f"{origin}-")):
            raise Refused(refuse(codes.STEP_MALFORMED, id=stamp.proposal_id[:64], because="origin"))
        decision = accepted(apply(before, step))
        self.keep(tx, decision)
        return decision

    def shared(self, tx: Connection, member: str, since: datetime) -> Iterator[Proposal]:
        """Proposals that were moved since, by age: of a province; at a province's node, where the hub asks, all."""
        t = self.proposals.c
        query = select(t.proposal_id).where(t.changed_at >= since).order_by(t.changed_at, t.proposal_id)
        for proposal_id in tx.scalars(query if member == HUB else query.where(t.member == member)).all():
            if proposal := self.load(tx, proposal_id):
                yield proposal

    def base(self, tx: Connection, proposal_id: str) -> bytes:
        """The bytes that the present text starts from, as they were kept; empty if they were not."""
        return tx.scalar(select(self.proposals.c.base).where(self.proposals.c.proposal_id == proposal_id)) or b""

    def list(
        self, tx: Connection, states: Sequence[State] = (), proposer: tuple[str, str] | None = None, size: int = 0, token: str = ""
    ) -> tuple[list[Proposal], str]:
        """A part of the proposals, the last changed first.

        Args:
            states: only these, if any are given.
            proposer: only of this person: member and name.
            size: at most so many, up to `PAGE_MAX`; 0 for `PAGE_USUAL`.
            token: where the part before ended; empty for the first.

        Returns:
            The proposals, and the token to go on with; empty at the end.
        """
        t, most = self.proposals.c, min(size or PAGE_USUAL, PAGE_MAX)
        query = select(t.proposal_id, t.changed_at).order_by(t.changed_at.desc(), t.proposal_id).limit(most + 1)
        if states:
            query = query.where(t.state.in_([state.value for state in states]))
        if proposer:
            query = query.where(t.member == proposer[0], t.proposer == proposer[1])
        if token:
            at, last = _read_token(token)
            query = query.where(or_(t.changed_at < at, and_(t.changed_at == at, t.proposal_id > last)))
        rows = tx.execute(query).all()
        found = [proposal for row in rows[:most] if (proposal := self.load(tx, row.proposal_id))]
        end = rows[most - 1] if len(rows) > most else None
        return found, f"{end.changed_at.isoformat()}|{end.proposal_id}" if end else ""


def _read_token(token: str) -> tuple[datetime, str]:
    at, _, last = token.partition("|")
    try:
        return datetime.fromisoformat(at), last
    except ValueError as error:
        raise Refused(refuse(codes.NOT_FOUND, id=token[:64])) from error


def _row(step: Step) -> dict[str, object]:
    stamp = step.stamp
    return {"proposal_id": stamp.proposal_id, "version": stamp.version, "step": step_to_wire(step).SerializeToString(deterministic=True)}


def _proposal_table(metadata: MetaData) -> Table:
    table = Table(
        "library_proposals",
        metadata,
        Column("proposal_id", String(64), primary_key=True),
        Column("member", String(6), nullable=False),
        Column("proposer", String(64), nullable=False),
        Column("entry_id", String(64), nullable=False),
        Column("state", String(20), nullable=False),
        Column("changed_at", UtcDateTime, nullable=False),
        Column("base", LargeBinary, nullable=True),  # serialised Entry that the present text starts from; at a node only
    )
    Index("ix_library_proposals_changed", table.c.changed_at, table.c.proposal_id)
    return table


def _step_table(metadata: MetaData) -> Table:
    return Table(
        "library_proposal_steps",
        metadata,
        Column("proposal_id", String(64), primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("step", LargeBinary, nullable=False),  # serialised ProposalStep
    )
