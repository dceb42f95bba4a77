"""The way of a proposal as a literal table, applied alike by the member that decides a step and by the one that hears of it.

Two persons look at everything: who wrote words of a proposal never reviews it; in the province one other person must approve; in the
ministry two different ones must say the same of the same text. One is enough to return it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from ..decision import Code, Decision, Refusal, refuse
from ..ids import HUB, check_id
from . import proposal_codes as codes
from .proposals import Made, Merging, Person, Proposal, Resolved, Reviewed, Revised, Step, Submitted, Verdict, identity
from .proposals import State as S
from .proposals_limits import check_step


class Act(Enum):
    """What a step asks for."""

    SUBMIT = "submit"
    REVISE = "revise"
    RESOLVE = "resolve"
    ACCEPT = "accept"
    RETURN = "return"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Stage:
    """A state that waits for reviewers: how many different persons must say the same."""

    persons: int


STAGES: Final = {S.PROVINCE_REVIEW: Stage(persons=1), S.MINISTRY_REVIEW: Stage(persons=2)}

# From each state, for each act: the state that follows (for acceptance and merge: once enough reviewers said so), or why there is none.
STEPS: Final[dict[S, dict[Act, S | Code]]] = {
    S.DRAFT: {
        Act.SUBMIT: S.PROVINCE_REVIEW,
        Act.REVISE: S.DRAFT,
        Act.RESOLVE: S.DRAFT,
        Act.ACCEPT: codes.NOT_SUBMITTED,
        Act.RETURN: codes.NOT_SUBMITTED,
        Act.MERGE: codes.NOT_SUBMITTED,
    },
    S.PROVINCE_REVIEW: {
        Act.SUBMIT: codes.IN_REVIEW,
        Act.REVISE: codes.IN_REVIEW,
        Act.RESOLVE: S.PROVINCE_REVIEW,
        Act.ACCEPT: S.MINISTRY_REVIEW,
        Act.RETURN: S.RETURNED,
        Act.MERGE: codes.MERGE_AT_MINISTRY,
    },
    S.MINISTRY_REVIEW: {
        Act.SUBMIT: codes.IN_REVIEW,
        Act.REVISE: codes.IN_REVIEW,
        Act.RESOLVE: S.MINISTRY_REVIEW,
        Act.ACCEPT: S.ACCEPTED,
        Act.RETURN: S.RETURNED,
        Act.MERGE: S.MERGED,
    },
    S.RETURNED: {
        Act.SUBMIT: codes.REVISE_FIRST,
        Act.REVISE: S.DRAFT,
        Act.RESOLVE: codes.REVISE_FIRST,
        Act.ACCEPT: codes.NOT_SUBMITTED,
        Act.RETURN: codes.NOT_SUBMITTED,
        Act.MERGE: codes.NOT_SUBMITTED,
    },
    S.ACCEPTED: dict.fromkeys(Act, codes.CLOSED),
    S.MERGED: dict.fromkeys(Act, codes.CLOSED),
}
_OF_VERDICT: Final = {Verdict.ACCEPT: Act.ACCEPT, Verdict.RETURN: Act.RETURN, Verdict.MERGE: Act.MERGE}
_OF_STEP: Final = {Submitted: Act.SUBMIT, Revised: Act.REVISE, Resolved: Act.RESOLVE}


def decides(proposal: Proposal) -> str:
    """The member whose people take the next step; empty when it is closed."""
    if proposal.state in (S.ACCEPTED, S.MERGED):
        return ""
    return HUB if proposal.state is S.MINISTRY_REVIEW else proposal.member


def act_of(step: Submitted | Revised | Resolved | Reviewed) -> Act:
    """What a step asks for."""
    return _OF_VERDICT[step.verdict] if isinstance(step, Reviewed) else _OF_STEP[type(step)]


def apply(proposal: Proposal | None, step: Step) -> Decision[Proposal] | Refusal:
    """Take one step, whoever decided it.

    A step that is in the history already changes nothing and succeeds.

    Args:
        proposal: as it stands, None if it is not known yet.
        step: the next one.
    """
    stamp = step.stamp
    if wrong := check_id(stamp.proposal_id) or check_step(step):
        return refuse(codes.STEP_MALFORMED, id=stamp.proposal_id[:64], because=wrong.code.name)
    if proposal is not None and stamp.version <= proposal.version and proposal.history[stamp.version - 1] == step:
        return Decision(proposal)
    if stamp.version != (proposal.version if proposal else 0) + 1 or isinstance(step, Made) != (proposal is None):
        return refuse(codes.OUT_OF_TURN, id=stamp.proposal_id, version=stamp.version)
    if isinstance(step, Made):
        return Decision(_made(step), (step,))
    return _stepped(proposal, step) if proposal else refuse(codes.NOT_FOUND, id=stamp.proposal_id)


def _made(step: Made) -> Proposal:
    stamp = step.stamp
    return Proposal(
        stamp.proposal_id, step.entry_id, step.kind, stamp.by, frozenset({identity(stamp.by)}), step.text, 1, step.sources, step.note,
        S.DRAFT, (), (step,),
    )  # fmt: skip


def _stepped(proposal: Proposal, step: Submitted | Revised | Resolved | Reviewed) -> Decision[Proposal] | Refusal:
    follows = STEPS[proposal.state][act_of(step)]
    if isinstance(follows, Code):
        return refuse(follows, id=proposal.proposal_id, state=proposal.state.value)
    if step.stamp.by.member != decides(proposal):
        return refuse(codes.NOT_YOUR_TURN, id=proposal.proposal_id, member=decides(proposal))
    if isinstance(step, Reviewed) and (refusal := check_reviewer(proposal, step)):
        return refusal
    return Decision(replace(_kept(proposal, step, follows), history=(*proposal.history, step)), (step,))


def check_reviewer(proposal: Proposal, step: Reviewed) -> Refusal | None:
    """Refuse a review by an author, and one of a text that is no longer proposed."""
    if identity(step.stamp.by) in proposal.authors:
        return refuse(codes.REVIEWER_IS_AUTHOR, id=proposal.proposal_id)
    return None if step.seen == proposal.text_step else refuse(codes.TEXT_CHANGED, id=proposal.proposal_id)


def _kept(proposal: Proposal, step: Submitted | Revised | Resolved | Reviewed, follows: S) -> Proposal:
    match step:
        case Submitted():
            return replace(proposal, state=follows, votes=())
        case Revised():
            return _with_text(replace(proposal, note=step.note or proposal.note), step, follows, by=step.stamp.by)
        case Resolved():
            return _with_text(proposal, step, follows, by=step.stamp.by if step.own else None)
        case Reviewed():
            return _voted(proposal, step, follows)


def _with_text(proposal: Proposal, step: Revised | Resolved, follows: S, by: Person | None) -> Proposal:
    """Another text: nobody has said anything of it yet."""
    authors = proposal.authors | ({identity(by)} if by else set())
    return replace(proposal, text=step.text, text_step=step.stamp.version, state=follows, votes=(), authors=authors)


def _voted(proposal: Proposal, step: Reviewed, follows: S) -> Proposal:
    """One return is enough; for the rest as many different persons must agree as the stage says. Who speaks again replaces their word."""
    if step.verdict is Verdict.RETURN:
        return replace(proposal, state=follows, votes=())
    votes = (*(vote for vote in proposal.votes if identity(vote.stamp.by) != identity(step.stamp.by)), step)
    agreeing = sum(_says(vote) == _says(step) for vote in votes)
    if agreeing < STAGES[proposal.state].persons:
        return replace(proposal, votes=votes)
    return replace(proposal, state=follows, votes=())


def _says(vote: Reviewed) -> tuple[Verdict, Merging | None]:
    return vote.verdict, vote.merging


def vote_of(proposal: Proposal, person: Person) -> Reviewed | None:
    """What a person has said of the present text in the present stage."""
    return next((vote for vote in proposal.votes if identity(vote.stamp.by) == identity(person)), None)


def waits_for(proposal: Proposal, person: Person) -> bool:
    """Whether a person may and should review it now."""
    turn = proposal.state in STAGES and decides(proposal) == person.member
    return turn and identity(person) not in proposal.authors and vote_of(proposal, person) is None
