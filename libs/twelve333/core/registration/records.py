"""What a hub that was put back to a backup takes from a record of its own that a member has kept.

Rules: what is written down is never unwritten, so two histories of a unit become the one that holds all of both. Of a step that both have,
the one that came further counts; what was decided here since the restore stays. A unit waits for one step at most: one that others came
after is overtaken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from .holders import Holder
from .life import Evidence, Stage, Step, StepState
from .model import Unit, UnitStatus

T = TypeVar("T")
_STATUSES: Final = frozenset(status.value for status in UnitStatus)


def steps_of_both(ours: Sequence[Step], kept: Sequence[Step]) -> tuple[Step, ...]:
    """All steps of a unit, numbered: those of the record first, since what only we have came after the restore.

    Args:
        ours: as the register has them.
        kept: as the record has them.
    """
    found = {_named(step): step for step in kept}
    for step in ours:
        other = found.get(_named(step))
        if other is None or _came(step) >= _came(other):
            found[_named(step)] = step
    in_order = list(found.values())
    following = [*in_order[1:], None]
    settled = [_overtaken(step, after) for step, after in zip(in_order, following, strict=True)]
    return tuple(replace(step, number=number) for number, step in enumerate(settled, 1))


def evidence_of_both(ours: Sequence[Evidence], kept: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """All evidence of a unit in the order in which it was found."""
    return tuple(sorted(_union(ours, kept), key=lambda it: it.at))


def history_of_both(ours: Sequence[T], kept: Sequence[T]) -> tuple[T, ...]:
    """Where a unit stood; what the record has was written down first."""
    return tuple(_union(kept, ours))


def unit_after(unit: Unit, before: Sequence[Step], merged: Sequence[Step]) -> Unit:
    """The unit, brought to the last status that it took by a step which was not known; no directory that came back needs to say so."""
    last = next((step for step in reversed(merged) if is_status(step)), None)
    if last is None or any(_named(step) == _named(last) and step.state is last.state for step in before):
        return unit
    return replace(unit, status=UnitStatus(last.stage.value))


def is_without_step(unit: Unit, steps: Sequence[Step]) -> bool:
    """Whether the register has a unit elsewhere than its steps say: one of them is lost, with its proofs and approvals."""
    last = next((step for step in reversed(steps) if is_status(step)), None)
    return last is not None and last.stage.value != unit.status.value


def is_status(step: Step) -> bool:
    """Whether a step was taken that changed where the unit stands."""
    return step.state is StepState.TAKEN and step.stage.value in _STATUSES


def holder_of_both(ours: Holder | None, kept: Holder, began_at: datetime) -> Holder:
    """What counts of a name: what was decided since the restore, else what was decided last; whoever was ended stays so till then.

    Args:
        ours: as the register has it.
        kept: as the record has it.
        began_at: when the restore was.
    """
    if ours is None:
        return kept
    decided, other = ours.revoked_at or ours.since, kept.revoked_at or kept.since
    return ours if decided >= began_at or decided >= other else kept


def _named(step: Step) -> tuple[Stage, str, datetime]:
    return step.stage, step.asked_by, step.asked_at


def _came(step: Step) -> tuple[bool, int]:
    """How far a step came."""
    return step.state is not StepState.PENDING, len(step.approvals)


def _overtaken(step: Step, after: Step | None) -> Step:
    if step.state is StepState.PENDING and after is not None:
        return replace(step, state=StepState.OVERTAKEN, settled_at=after.asked_at)
    return step


def _union(first: Sequence[T], second: Sequence[T]) -> list[T]:
    return [*first, *(each for each in second if each not in first)]
