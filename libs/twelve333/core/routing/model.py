"""Facts of routing: the call, what a node knows of its peers at the moment, and the route that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from ..coverage.model import ALL_SOURCES, DEFAULT_LANGUAGE, Candidate
from ..coverage.seats import Part

HOPS_MAX: Final = 5
PRIORITY_MAX: Final = 9


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be handed on; nothing personal is in it.

    Args:
        id: made by the asker.
        region: the place asked about.
        caller_region: the place rung from, empty if not known; kept for statistics, it decides nothing.
        topic: a classification code, empty for any.
        language: a language tag.
        visited: units where the call was already, in order, the first-asked one first.
        priority: 0 (usual) to 9.
        draw: a random number in [0, 1), drawn once by the asker: the same call always goes the same way.
    """

    id: str
    region: str
    caller_region: str = ""
    topic: str = ""
    language: str = DEFAULT_LANGUAGE
    visited: tuple[str, ...] = ()
    priority: int = 0
    draw: float = 0.0

    @property
    def first_asked(self) -> str:
        """The unit that was asked first, and answers for the caller in the end (首问负责制); empty before the call is handed on."""
        return self.visited[0] if self.visited else ""

    @property
    def has_priority(self) -> bool:
        """Whether it is a priority call, for which a part of each unit's rate is kept."""
        return self.priority > 0


@dataclass(frozen=True, slots=True)
class Queue:
    """What a unit told of its queue.

    Args:
        active: whether it takes calls at all.
        free: consultants free now.
        waiting: callers in the queue.
        wait_s: how long the next one would wait, in seconds.
        at, expires_at: when it was told, and until when that holds.
    """

    active: bool
    free: int
    waiting: int
    wait_s: int
    at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PartSlots:
    """How many more calls of ours find room in a part of a unit's seats: slots that we hold and do not use, and seats open to everybody."""

    part: Part
    free: int

    def takes(self, call: Call) -> bool:
        """Whether a call counts here; as long as it is not known who hands it on, it may be anybody."""
        part = self.part
        if (part.topics or part.language) and not part.is_about(call.topic, call.language):
            return False
        return not call.visited or part.is_for(call.visited[-1])

    @property
    def takes_all(self) -> bool:
        """Whether every call counts here, whoever hands it on."""
        return self.part.source == ALL_SOURCES and not self.part.topics and not self.part.language


@dataclass(frozen=True, slots=True)
class Slots:
    """Room at a unit that its node promised us.

    Args:
        free: for how many calls.
        until: until when.
        parts: those that not every call needs, or may have.
        only_free: whether there is room for every call as long as `free` says so; worked out once, so that few calls look at the parts.
    """

    free: int
    until: datetime
    parts: tuple[PartSlots, ...] = ()
    only_free: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kept = [each for each in self.parts if each.part.kept]
        needed_have_room = all(each.free > 0 for each in self.parts if not each.part.kept)
        kept_has_room = not kept or any(each.free > 0 and each.takes_all for each in kept)
        object.__setattr__(self, "only_free", needed_have_room and kept_has_room)

    def fits(self, call: Call) -> bool:
        """Whether there is room for a call: in every part that it needs, and in one that is kept if any is."""
        if self.free <= 0 or self.only_free:
            return self.free > 0
        kept = fits = False
        for each in self.parts:  # a part that could not change the answer is not asked whether it takes the call
            if each.part.kept:
                kept, fits = True, fits or (each.free > 0 and each.takes(call))
            elif each.free <= 0 and each.takes(call):
                return False
        return fits or not kept


class Gap(NamedTuple):
    """A unit admits no further usual call of ours until a time; `reserve`: what is kept for priority calls had room."""

    until: datetime
    reserve: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """What this node knows of others for the moment; nothing lasts without a time.

    Args:
        unreachable: members whose node did not answer -> until when they are left alone (the breaker).
        refused: units that said no -> until when they asked to be left alone.
        queues: what units told of their queues.
        slots: room at units that was promised to this node.
        gapped: units that admit no further usual call of ours.
    """

    unreachable: Mapping[str, datetime] = field(default_factory=dict)
    refused: Mapping[str, datetime] = field(default_factory=dict)
    queues: Mapping[str, Queue] = field(default_factory=dict)
    slots: Mapping[str, Slots] = field(default_factory=dict)
    gapped: Mapping[str, Gap] = field(default_factory=dict)


NOTHING_OBSERVED: Final = State()


class LastResortKind(StrEnum):
    """What is left when no unit takes the call."""

    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    CASE = "case"


class LastResort(NamedTuple):
    """What is left, and at which unit (empty for a case)."""

    kind: LastResortKind
    unit: str = ""


A_CASE: Final = LastResort(LastResortKind.CASE)


class Route(NamedTuple):
    """A decision with its proof.

    Args:
        call: the call.
        candidates: all that were considered, in the order of trying; the first that can answer is the chosen one.
        last_resort: what is left if all of them fail.
        version: of the directory that was used.
        decided_at: when.
        calendar: version of the calendar that was used.
        policies: revisions of the rules that were looked at, by unit.
        observed: what was known of the units concerned, once the decision is kept.
    """

    call: Call
    candidates: tuple[Candidate, ...]
    last_resort: LastResort
    version: int
    decided_at: datetime
    calendar: str = ""
    policies: tuple[tuple[str, int], ...] = ()
    observed: State = NOTHING_OBSERVED

    @property
    def to_try(self) -> tuple[Candidate, ...]:
        """The candidates that can answer, the chosen one first."""
        return tuple(candidate for candidate in self.candidates if candidate.can_answer)
