"""Rules that a unit owns about the calls for it: data, signed with the directory, evaluated alike by everybody.

A rule says *when* (topics, languages, callers' regions, times, priority, the unit's queue, a share of the calls) and *what*: try these
units first, by weight; or do not take such calls. Of the rules of a unit that hold, the one with the highest priority counts. Weights
are re-normalised over the units that can answer, so a target that is down never sends its share into the void. Source of the
vocabulary: NENA i3 policy store; weights, shares, several time windows and estimated wait are what its schema lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from ..coverage.hours import LocalTime
from ..coverage.model import DayHours
from .model import Call, Queue

RULES_MAX: Final = 64
TARGETS_MAX: Final = 16
WEIGHT_MAX: Final = 1_000
PERCENT: Final = 100


class Action(StrEnum):
    """What a rule does."""

    PREFER = "prefer"  # try its targets before everybody else
    REFUSE = "refuse"  # the unit does not take such calls


@dataclass(frozen=True, slots=True)
class Target:
    """A unit that is to be tried first, and its weight among the targets (1-1000)."""

    unit: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class When:
    """Conditions, all of which must hold; what is empty or 0 is no condition.

    Args:
        topics: prefixes of the call's topic.
        languages: tags.
        caller_regions: where the caller rings from: codes; whatever lies within counts.
        windows: hours by weekday; several spans a day.
        priority_min: the call's priority is at least this (0-9).
        waiting_min: so many callers at least wait at the unit, as far as it told lately.
        wait_min_s: a caller would wait there so many seconds at least, as far as it told lately.
        share_pct: the rule is for this part of the calls (1-100), by the call's draw.
    """

    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    caller_regions: tuple[str, ...] = ()
    windows: tuple[DayHours, ...] = ()
    priority_min: int = 0
    waiting_min: int = 0
    wait_min_s: int = 0
    share_pct: int = PERCENT


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        id: unique within the unit, named in explanations.
        priority: unique within the unit; the highest that holds counts.
        action: what it does.
        when: when it holds.
        targets: for PREFER.
        valid_from, valid_until: from when, and until before when; None: no limit.
    """

    id: str
    priority: int
    action: Action
    when: When = When()
    targets: tuple[Target, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one unit; `revision` rises with every change."""

    unit: str
    revision: int
    rules: tuple[Rule, ...]


class Policies:
    """The rules of one unit made ready: by action, the highest priority first."""

    __slots__ = ("prefer", "refuse", "revision")

    def __init__(self, policy: Policy) -> None:
        ordered = sorted(policy.rules, key=lambda rule: -rule.priority)
        self.revision = policy.revision
        self.prefer = tuple(_Ready(policy.unit, rule) for rule in ordered if rule.action is Action.PREFER)
        self.refuse = tuple(_Ready(policy.unit, rule) for rule in ordered if rule.action is Action.REFUSE)


class Holding(Protocol):
    """A rule that holds for a call."""

    name: str
    targets: Sequence[Target]


class _Ready:
    """A rule made ready for asking; `name` is owner/id, as explanations say it."""

    __slots__ = ("_caller_regions", "_rule", "_share", "_week", "_when", "name", "targets")

    def __init__(self, unit: str, rule: Rule) -> None:
        self.name = f"{unit}/{rule.id}"
        self.targets = rule.targets
        self._rule, self._when = rule, rule.when
        self._week = {day.weekday: day.spans for day in rule.when.windows}
        self._share = rule.when.share_pct / PERCENT
        self._caller_regions = tuple(digits_of(region) for region in rule.when.caller_regions)

    def holds(self, call: Call, queue: Queue | None, local: LocalTime, now: datetime) -> bool:
        """Whether it holds for a call.

        Args:
            call: the call.
            queue: what the unit told lately; None: nothing, and then no condition on it holds.
            local: the time as opening hours see it.
            now: the same time.
        """
        rule, when = self._rule, self._when
        if (rule.valid_from and now < rule.valid_from) or (rule.valid_until and now >= rule.valid_until):
            return False
        if (when.topics and not call.topic.startswith(when.topics)) or (when.languages and call.language not in when.languages):
            return False
        if self._caller_regions and not (call.caller_region and call.caller_region.startswith(self._caller_regions)):
            return False
        if call.priority < when.priority_min or call.draw >= self._share:
            return False
        if self._week and not any(span.start <= local.minute < span.end for span in self._week.get(local.weekday, ())):
            return False
        if when.waiting_min or when.wait_min_s:
            return queue is not None and queue.waiting >= when.waiting_min and queue.wait_s >= when.wait_min_s
        return True

    def rest_of(self, draw: float) -> float:
        """The draw again in [0, 1), after the share took its part of it."""
        return draw / self._share


def by_weight(targets: Sequence[Target], draw: float, able: Mapping[str, bool] | None = None) -> list[str]:
    """The units of a rule in the order of trying: drawn by weight, those that can answer among themselves, then the others as listed.

    Args:
        targets: with their weights.
        draw: in [0, 1); each pick takes its part of it, so one draw decides the whole order.
        able: whether a unit can answer; None: all can.
    """
    left = [target for target in targets if able is None or able.get(target.unit, False)]
    unable = [target.unit for target in targets if target not in left]
    order: list[str] = []
    while left:
        point, total = draw * sum(target.weight for target in left), 0.0
        for number, target in enumerate(left):
            if point < total + target.weight or number == len(left) - 1:
                draw = min(max((point - total) / target.weight, 0.0), _BELOW_ONE)
                order.append(left.pop(number).unit)
                break
            total += target.weight
    return order + unable


def policies_by_unit(policies: Iterable[Policy]) -> dict[str, Policies]:
    """Rules made ready, of the units that have any."""
    return {policy.unit: Policies(policy) for policy in policies if policy.rules}


_BELOW_ONE: Final = 1 - 2**-53


def digits_of(region: str) -> str:
    """The digits that all codes within a region begin with."""
    return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region
