"""Rules that a unit owns about the calls for it: data, signed with the directory, evaluated alike by everybody.

A rule says *when* (topics, languages, callers' regions, times, priority, the unit's queue, a share of the calls) and *what*: try these
units first, by weight; or do not take such calls. Of the rules of a unit that hold, the one with the highest priority counts. Weights
are re-normalised over the units that can answer, so a target that is down never sends its share into the void. Source of the
vocabulary: NENA i3 policy store; weights, shares, several time windows and estimated wait are what its schema lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, TypeVar

from ..coverage.hours import LocalTime, within
from ..coverage.model import DayHours
from .model import Call, Queue

RULES_MAX: Final = 64
TARGETS_MAX: Final = 16
WEIGHT_MAX: Final = 1_000
PERCENT: Final = 100
T = TypeVar("T")


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
    """The rules of one unit made ready: by action, the highest priority first.

    `version` is unit and revision, as decisions keep it. `prefer_topics` and `refuse_topics` are the prefixes with one of which a topic
    begins that any such rule is about, so that the rules themselves are looked at for few calls.
    """

    __slots__ = ("prefer", "prefer_topics", "refuse", "refuse_topics", "version")

    def __init__(self, policy: Policy) -> None:
        ordered = sorted(policy.rules, key=lambda rule: -rule.priority)
        self.version = policy.unit, policy.revision
        prefer, refuse = ([rule for rule in ordered if rule.action is action] for action in (Action.PREFER, Action.REFUSE))
        self.prefer, self.prefer_topics = tuple(_Ready(policy.unit, rule) for rule in prefer), _topics_of(prefer)
        self.refuse, self.refuse_topics = tuple(_Ready(policy.unit, rule) for rule in refuse), _topics_of(refuse)


def _topics_of(rules: Iterable[Rule]) -> tuple[str, ...]:
    """The prefixes that rules name; of one that names none the empty one, with which every topic begins."""
    return tuple(sorted({topic for rule in rules for topic in rule.when.topics or ("",)}))


class Holding(Protocol):
    """A rule that holds for a call."""

    name: str
    targets: Sequence[Target]


class _Ready:
    """A rule made ready for asking; `name` is owner/id, as explanations say it."""

    __slots__ = (
        "_caller_regions",
        "_languages",
        "_priority_min",
        "_share",
        "_topics",
        "_valid_from",
        "_valid_until",
        "_wait_min_s",
        "_waiting_min",
        "_week",
        "name",
        "targets",
    )

    def __init__(self, unit: str, rule: Rule) -> None:
        self.name, self.targets = f"{unit}/{rule.id}", rule.targets
        self._valid_from, self._valid_until = rule.valid_from, rule.valid_until
        when = rule.when
        self._topics, self._languages, self._priority_min = when.topics, when.languages, when.priority_min
        self._caller_regions = tuple(digits_of(region) for region in when.caller_regions)
        self._week = {day.weekday: day.spans for day in when.windows}
        self._waiting_min, self._wait_min_s = when.waiting_min, when.wait_min_s
        self._share = when.share_pct / PERCENT

    def holds(self, call: Call, queue: Queue | None, local: LocalTime, now: datetime) -> bool:
        """Whether it holds for a call.

        Args:
            call: the call.
            queue: what the unit told lately; None: nothing, and then no condition on it holds.
            local: the time as opening hours see it.
            now: the same time.
        """
        if (self._topics and not call.topic.startswith(self._topics)) or (self._languages and call.language not in self._languages):
            return False
        if (self._valid_from and now < self._valid_from) or (self._valid_until and now >= self._valid_until):
            return False
        if self._caller_regions and not (call.caller_region and call.caller_region.startswith(self._caller_regions)):
            return False
        if call.priority < self._priority_min or call.draw >= self._share:
            return False
        if self._week and not within(self._week.get(local.weekday, ()), local.minute):
            return False
        if self._waiting_min or self._wait_min_s:
            return queue is not None and queue.waiting >= self._waiting_min and queue.wait_s >= self._wait_min_s
        return True

    def rest_of(self, draw: float) -> float:
        """The draw again in [0, 1), after the share took its part of it."""
        return draw / self._share


def by_weight(weighted: Sequence[tuple[int, T]], draw: float) -> list[T]:
    """What a rule names and can answer, in the order of trying, drawn by weight.

    Args:
        weighted: each with its weight.
        draw: in [0, 1); each pick takes its part of it, so one draw decides the whole order.
    """
    left, weights = list(weighted), sum(weight for weight, _ in weighted)
    order: list[T] = []
    while len(left) > 1:
        point, below, number = draw * weights, 0, 0
        while number < len(left) - 1 and point >= below + left[number][0]:
            below += left[number][0]
            number += 1
        weight, drawn = left.pop(number)
        draw, weights = min(max((point - below) / weight, 0.0), _BELOW_ONE), weights - weight
        order.append(drawn)
    return order + [last for _, last in left]


def policies_by_unit(policies: Iterable[Policy]) -> dict[str, Policies]:
    """Rules made ready, of the units that have any."""
    return {policy.unit: Policies(policy) for policy in policies if policy.rules}


_BELOW_ONE: Final = 1 - 2**-53


def digits_of(region: str) -> str:
    """The digits that all codes within a region begin with."""
    return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region
