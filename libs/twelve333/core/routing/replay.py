"""A decision again, from what was kept of it: the same directory, rules, observations, call and time give the same route.

Only what spoke about the units concerned is kept of the observations; nothing else can have mattered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ..coverage.snapshot import Snapshot
from .model import Call, Route, State
from .policy import Policies
from .rules import NO_POLICIES, decide

T = TypeVar("T")


def observed(state: State, route: Route) -> State:
    """What was known of the units of a route when it was decided.

    Args:
        state: all that was known.
        route: what came of it.
    """
    units = {candidate.unit for candidate in route.candidates}
    members = {candidate.member for candidate in route.candidates}
    return State(
        unreachable=_of(members, state.unreachable),
        refused=_of(units, state.refused),
        queues=_of(units, state.queues),
        slots=_of(units, state.slots),
        gapped=_of(units, state.gapped),
    )


def _of(names: Iterable[str], known: Mapping[str, T]) -> dict[str, T]:
    return {name: found for name in names if (found := known.get(name)) is not None} if known else {}


def again(route: Route, snapshot: Snapshot, policies: Mapping[str, Policies] = NO_POLICIES) -> Route:
    """The same decision, taken anew.

    Args:
        route: as it was kept, with what was observed then.
        snapshot: the directory of its version.
        policies: the rules of that version.
    """
    return decide(snapshot, route.observed, route.call, route.decided_at, policies)._replace(observed=route.observed)


@dataclass(frozen=True, slots=True)
class Change:
    """So many calls about a topic in an hour of the day would go to another unit."""

    hour: int
    topic: str
    before: str
    after: str
    calls: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What other rules would change: calls looked at, and the changes, the most frequent first."""

    calls: int
    changes: tuple[Change, ...]


def what_if(
    calls: Iterable[tuple[Call, datetime]], snapshot: Snapshot, present: Mapping[str, Policies], proposed: Mapping[str, Policies]
) -> WhatIf:
    """Decide past calls twice, by the rules in force and by those proposed; queues and outages of then are left out of both.

    Args:
        calls: with the times at which they came.
        snapshot: the directory in use.
        present: the rules in force.
        proposed: the rules as they would be.
    """
    counted, total = Counter[tuple[int, str, str, str]](), 0
    nothing = State()
    for call, at in calls:
        total += 1
        before, after = (_first(decide(snapshot, nothing, call, at, rules)) for rules in (present, proposed))
        if before != after:
            counted[snapshot.local(at).minute // 60, call.topic, before, after] += 1
    changes = [Change(*key, calls=number) for key, number in counted.items()]
    return WhatIf(total, tuple(sorted(changes, key=lambda change: (-change.calls, change.hour, change.topic, change.before))))


def _first(route: Route) -> str:
    return route.to_try[0].unit if route.to_try else ""
