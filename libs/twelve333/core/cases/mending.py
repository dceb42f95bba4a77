"""How replicas become equal again after a member was restored from a backup and had forgotten steps that it had taken itself.

The steps are not lost: whoever was told of them holds them, and returns the history. Meanwhile the member may have taken another step
in the place of a forgotten one. Both are its own (the table lets one party alone take the next step), so one order settles it at every
member: **the earlier of the two stands** (`replica.gives_way`). What was built on the other stands only if the table allows it on the
earlier one too. Nobody else's step can be put in the place of one that is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..decision import Decision, Refusal, refuse
from ..ids import HUB
from . import codes
from .forgetting import same_step
from .machine import Early, apply
from .messages import Arrived, CaseEvent, DutyOffered, TransferOffered
from .model import Case
from .replica import gives_way, release


@dataclass(frozen=True, slots=True)
class Returned:
    """What a member holds of a case: every step from the opening on, and steps that wait there for their predecessor."""

    history: tuple[CaseEvent, ...]
    waiting: tuple[CaseEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Mended:
    """What a replica is after steps were returned.

    Args:
        case: the case now; None if only waiting steps are known.
        held: what still waits for a predecessor.
        stands: versions up to this one are as they were.
        kept: the steps that came into the history behind those.
        gave_way: steps that were in the history and are no longer, in order.
        teller_is_behind: the teller lacks steps of ours, which it may have refused while it was on the other branch.
    """

    case: Case | None
    held: tuple[Arrived, ...]
    stands: int = 0
    kept: tuple[CaseEvent, ...] = ()
    gave_way: tuple[CaseEvent, ...] = ()
    teller_is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Who tells whom.

    Args:
        teller: the member that returned the steps, as delivery proved it.
        member: this member.
        restored: whether it has told the teller that it was restored, so that steps of its own may come back.
    """

    teller: str
    member: str
    restored: bool


def mend(case: Case | None, returned: Returned, facts: Facts, held: tuple[Arrived, ...]) -> Mended | Refusal:
    """Decide what returned steps change; what brings nothing new changes nothing and succeeds.

    Args:
        case: the replica with its history, or None.
        returned: what came.
        facts: see `Facts`.
        held: what waits for this case.
    """
    ours = case.history if case else ()
    authors = frozenset({facts.teller, facts.member} if facts.restored else {facts.teller})
    mended = _mend_history(case, returned.history, authors, held)
    for event in sorted(returned.waiting, key=lambda one: one.stamp.version):
        if isinstance(mended, Refusal):
            return mended
        mended = _take_waiting(mended, event, facts)
    if isinstance(mended, Refusal):
        return mended
    after = mended.case.history if mended.case else ()
    stands = _common(ours, after)
    gave_way = tuple(event for event in ours[stands:] if event not in after)
    lacking = after[len(returned.history) :] if _common(after, returned.history) == len(returned.history) else ()
    is_behind = any(event.stamp.by.member == facts.member for event in lacking)
    return Mended(mended.case, mended.held, stands, after[stands:], gave_way, is_behind)


def concerned(*histories: Sequence[CaseEvent]) -> frozenset[str]:
    """Every member that took a step or was offered the case."""
    steps = [event for history in histories for event in history]
    offered = {event.to.member for event in steps if isinstance(event, TransferOffered | DutyOffered)}
    return frozenset({event.stamp.by.member for event in steps} | offered)


def _mend_history(
    case: Case | None, returned: tuple[CaseEvent, ...], authors: frozenset[str], held: tuple[Arrived, ...]
) -> Mended | Refusal:
    ours = case.history if case else ()
    stands = _common(ours, returned)
    news, rivals = returned[stands:], ours[stands:]
    if not news or (rivals and gives_way(news[0], ours)):
        return Mended(case, held)
    if not authors & (concerned(news, rivals) | {HUB} if rivals else {event.stamp.by.member for event in news}):
        return Mended(case, held)  # others' steps, which they tell themselves
    if rivals and not gives_way(rivals[0], returned):
        return refuse(codes.FORKED, id=rivals[0].stamp.case_id, version=stands + 1)
    mended = _replayed(returned)
    if isinstance(mended, Refusal):
        return mended
    settled = release(_built_on(mended, rivals), stands, held)
    return Mended(settled.case, settled.held)


def _take_waiting(mended: Mended, event: CaseEvent, facts: Facts) -> Mended | Refusal:
    """A step of ours that waits at the teller: put it where it belongs, or let it wait here too."""
    history = mended.case.history if mended.case else ()
    if not facts.restored or event.stamp.by.member != facts.member:
        return refuse(codes.NOT_THE_AUTHOR, id=event.stamp.case_id[:64], origin=facts.teller)
    if event.stamp.version <= len(history) + 1:
        return _mend_history(mended.case, (*history[: event.stamp.version - 1], event), frozenset({facts.member}), mended.held)
    arrived = Arrived(event, facts.member)
    return mended if arrived in mended.held else replace(mended, held=(*mended.held, arrived))


def _common(ours: Sequence[CaseEvent], returned: Sequence[CaseEvent]) -> int:
    pairs = zip(ours, returned, strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if not same_step(one, other)), min(len(ours), len(returned)))


def _replayed(history: Sequence[CaseEvent]) -> Case | Refusal:
    outcome: Decision[Case] | Refusal | Early = apply(None, history[0])
    for event in history[1:]:
        if isinstance(outcome, Decision):
            before = outcome.state
            outcome = apply(before, event) if event.stamp.version == before.version + 1 else Early(before.version)
    if isinstance(outcome, Early):
        return refuse(codes.STEP_MALFORMED, id=history[0].stamp.case_id[:64], because="history")
    return outcome if isinstance(outcome, Refusal) else outcome.state


def _built_on(case: Case, rivals: Sequence[CaseEvent]) -> Case:
    """The case with those steps of the other branch that may stand on this one too."""
    for event in rivals:
        outcome = apply(case, event)
        case = outcome.state if isinstance(outcome, Decision) else case
    return case
