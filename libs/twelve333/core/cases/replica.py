"""How a member keeps its replica of a case when steps arrive from several members, in any interleaving.

Each member's events arrive in their own order, but between two members nothing is promised: a step can overtake the one it
rests on. Such a step is *held* until its predecessor is there. Nothing can block for ever: a step rests only on steps that
were taken before it, so among all that has not been applied the oldest can always be. An offer carries the history, because its
receiver may never have heard of the case, or may have missed what happened while it was no party.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from twelve333.core.decision import Decision, Refusal, refuse

from . import codes
from .machine import Early, apply
from .messages import Arrived, CaseEvent
from .model import STEPS_MAX, Case

HELD_STEPS_MAX: Final = STEPS_MAX  # of one case
HELD_MAX: Final = 10_000  # of one member


@dataclass(frozen=True, slots=True)
class Settled:
    """What a replica is after an arrival.

    Args:
        case: the case now; None if only held steps are known.
        kept: the steps that are new in its history, in order.
        held: what still waits for a predecessor; replaces what was held before.
        dropped: steps that had waited and turned out to break the contract.
        gave_way: the arrival changes nothing, because its author had taken another step in its place before (see `mending`).
    """

    case: Case | None
    kept: tuple[CaseEvent, ...] = ()
    held: tuple[Arrived, ...] = ()
    dropped: tuple[Refusal, ...] = ()
    gave_way: bool = False


def settle(case: Case | None, arrived: Arrived, held: tuple[Arrived, ...]) -> Settled | Refusal:
    """Apply what arrived and everything held that has become possible by it.

    Args:
        case: the replica with its history, or None.
        arrived: what arrived just now, with its proved origin.
        held: what waits for this case.

    Returns:
        The new replica, or a refusal if the arrival breaks the contract (nothing is changed then).
    """
    if arrived.event.stamp.by.member != arrived.origin:
        return refuse(codes.NOT_THE_AUTHOR, id=arrived.event.stamp.case_id[:64], origin=arrived.origin)
    outcome = _with_history(case, arrived)
    if isinstance(outcome, Refusal):
        return Settled(case, (), held, gave_way=True) if case and gives_way(arrived.event, case.history) else outcome
    if isinstance(outcome, Early):
        return _hold(case, arrived, held)
    return release(outcome.state, case.version if case else 0, held)


def _with_history(case: Case | None, arrived: Arrived) -> Decision[Case] | Refusal | Early:
    outcome: Decision[Case] | Refusal | Early = Early(0)
    for event in (*arrived.history, arrived.event):
        if event.stamp.case_id != arrived.event.stamp.case_id:
            return refuse(codes.STEP_MALFORMED, id=arrived.event.stamp.case_id[:64], because="history")
        outcome = apply(case, event)
        if not isinstance(outcome, Decision):
            return outcome
        case = outcome.state
    return outcome


def _hold(case: Case | None, arrived: Arrived, held: tuple[Arrived, ...]) -> Settled | Refusal:
    if arrived in held:
        return Settled(case, (), held)
    stamp = arrived.event.stamp
    if any(one.event.stamp.version == stamp.version and one.origin == arrived.origin for one in held):
        return refuse(codes.FORKED, id=stamp.case_id, version=stamp.version)
    if len(held) >= HELD_STEPS_MAX:
        return refuse(codes.HELD_FULL, id=stamp.case_id, most=HELD_STEPS_MAX)
    return Settled(case, (), (*held, arrived))


def gives_way(event: CaseEvent, history: Sequence[CaseEvent]) -> bool:
    """Whether a step's author had taken another one in its place before, which it forgot when it was restored from a backup.

    The earlier of the two stands, by the author's own clock, then by step id: the same order at every member.
    """
    version = event.stamp.version
    stands = history[version - 1] if 0 < version <= len(history) else event
    return stands.stamp.by.member == event.stamp.by.member and _rank(stands) < _rank(event)


def release(case: Case, version: int, held: tuple[Arrived, ...]) -> Settled:
    """Apply held steps in the order of their versions until one is missing; `version` is where the replica stood before."""
    waiting, dropped = list[Arrived](), list[Refusal]()
    for arrived in sorted(held, key=lambda one: one.event.stamp.version):
        outcome = _with_history(case, arrived)
        if isinstance(outcome, Decision):
            case = outcome.state
        elif isinstance(outcome, Early):
            waiting.append(arrived)
        else:
            dropped.append(outcome)
    return Settled(case, case.history[version:], tuple(waiting), tuple(dropped))


def _rank(event: CaseEvent) -> tuple[datetime, str]:
    return event.stamp.at, event.stamp.step_id
