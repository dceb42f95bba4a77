"""From what a person asks to the steps that are kept and told: propose or revise, review, decide a clash.

The same asked again changes nothing and succeeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..decision import Decision, Refusal, refuse
from ..ids import check_id
from . import codes as library_codes
from . import proposal_codes as codes
from .model import Tombstone
from .proposals import (
    Made,
    Merging,
    Person,
    Proposal,
    ProposalKind,
    Resolved,
    Reviewed,
    Revised,
    Stamp,
    State,
    Step,
    Submitted,
    Text,
    Verdict,
    identity,
)
from .proposals_limits import check_person, check_review, check_words
from .proposals_machine import apply, vote_of
from .proposals_meeting import Present, text_from
from .sheets import Sheet


@dataclass(frozen=True, slots=True)
class Propose:
    """Propose, revise or submit.

    Args:
        proposal_id: begins with the member's code and a dash.
        person: who asks.
        kind, entry_id: what it is about.
        target: what the entry should say; None for a removal, and to submit a draft as it is.
        title: of the target; of the entry, for a removal.
        tombstone: why it should go, for a removal.
        sources, note: what it rests on, and a word to the reviewers.
        draft: leave it a draft.
    """

    proposal_id: str
    person: Person
    kind: ProposalKind
    entry_id: str
    target: Sheet | None = None
    title: str = ""
    tombstone: Tombstone | None = None
    sources: tuple[str, ...] = ()
    note: str = ""
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """Say something of a proposal; fields as in `Reviewed`."""

    person: Person
    seen: int
    verdict: Verdict
    reason: str = ""
    merging: Merging | None = None


def propose(proposal: Proposal | None, present: Present, command: Propose, now: datetime) -> Decision[Proposal] | Refusal:
    """Decide what a proposal becomes.

    Args:
        proposal: the one of this id, None if there is none.
        present: what the library says of the entry.
        command: what is asked.
        now: aware, UTC.
    """
    if wrong := check_id(command.proposal_id) or check_words(command.note, command.sources) or check_person(command.person):
        return wrong
    if not command.proposal_id.startswith(f"{command.person.member}-"):
        return refuse(codes.ID_FOREIGN, member=command.person.member)
    if proposal is not None and (command.kind, command.entry_id) != (proposal.kind, proposal.entry_id):
        return refuse(codes.ID_TAKEN, id=command.proposal_id)
    text = proposal.text if proposal and command.target is None and command.tombstone is None else _text(proposal, present, command)
    if isinstance(text, Refusal):
        return text
    if proposal is None:
        made = Made(Stamp(command.proposal_id, 1, command.person, now), command.entry_id, command.kind, text, command.sources, command.note)
        return _with(apply(None, made), [] if command.draft else [Submitted])
    if text == proposal.text and proposal.state not in (State.DRAFT, State.RETURNED):
        return Decision(proposal)
    outcome: Decision[Proposal] | Refusal = Decision(proposal)
    if text != proposal.text or command.note or proposal.state is not State.DRAFT:
        outcome = apply(proposal, Revised(_next(proposal, command.person, now), text, command.note))
    return _with(outcome, [] if command.draft else [Submitted], by=command.person, now=now)


def review(proposal: Proposal, command: Review, now: datetime) -> Decision[Proposal] | Refusal:
    """Decide what a review comes to; no events if the same person has said the same already."""
    step = Reviewed(_next(proposal, command.person, now), command.seen, command.verdict, command.reason, command.merging)
    if wrong := check_review(step):
        return wrong
    before = vote_of(proposal, command.person) or _closing(proposal, command.person)
    if before is not None and _same_words(before, step):
        return Decision(proposal)
    return apply(proposal, step)


def resolve(proposal: Proposal, person: Person, text: Text, own: bool, now: datetime) -> Decision[Proposal] | Refusal:
    """Decide a clash: the proposal goes on with `text`, which starts from what the library says now."""
    return apply(proposal, Resolved(_next(proposal, person, now), text, own))


def _text(proposal: Proposal | None, present: Present, command: Propose) -> Text | Refusal:
    if command.kind is ProposalKind.NEW and present.sheet is not None:
        return refuse(codes.ENTRY_EXISTS, id=command.entry_id)
    if command.kind is not ProposalKind.NEW and present.sheet is None:
        return refuse(library_codes.ENTRY_NOT_FOUND, id=command.entry_id[:64])
    return text_from(present, command.target, command.title, command.tombstone)


def _with(
    outcome: Decision[Proposal] | Refusal, more: list[type[Submitted]], by: Person | None = None, now: datetime | None = None
) -> Decision[Proposal] | Refusal:
    """The outcome with further steps taken by the same person."""
    for kind in more:
        if isinstance(outcome, Refusal):
            return outcome
        last = outcome.state.last.stamp
        taken = apply(outcome.state, kind(_next(outcome.state, by or last.by, now or last.at)))
        if isinstance(taken, Refusal):
            return taken
        outcome = Decision(taken.state, (*outcome.events, *taken.events))
    return outcome


def _next(proposal: Proposal, by: Person, at: datetime) -> Stamp:
    return Stamp(proposal.proposal_id, proposal.version + 1, by, at)


def _closing(proposal: Proposal, person: Person) -> Reviewed | None:
    """What a person said with the last step, if that was a review of theirs: a repeat of it is the same review."""
    last: Step = proposal.last
    return last if isinstance(last, Reviewed) and identity(last.stamp.by) == identity(person) else None


def _same_words(one: Reviewed, other: Reviewed) -> bool:
    return (one.seen, one.verdict, one.reason, one.merging) == (other.seen, other.verdict, other.reason, other.merging)
