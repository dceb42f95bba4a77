"""Facts of coverage: what a unit declares, and the verdicts on a unit that is considered for a call.

Hours are in Chinese official time (UTC+8 all over the country), as minutes of the day, so that lunch breaks, staggered shifts and
single dates (holidays, make-up working days) are plain data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

MINUTES_A_DAY: Final = 1_440
ALL_TOPICS: Final = "*"
DEFAULT_LANGUAGE: Final = "zh"

AREAS_MAX: Final = 200
TOPICS_MAX: Final = 200
LANGUAGES_MAX: Final = 32
EXCEPTIONS_MAX: Final = 400
SPANS_MAX: Final = 8
FALLBACKS_MAX: Final = 8
SEATS_MAX: Final = 10_000
TARGET_CHARS_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class Span:
    """Hours without a break: from minute `start` (0-1439) of the day until before minute `end` (1-1440)."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DayHours:
    """The hours of one weekday, 1 (Monday) to 7 (Sunday)."""

    weekday: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class DateHours:
    """The hours of one date, in place of those of its weekday; no span: closed all day."""

    date: date
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """When a unit answers: always, or by weekday with dates that differ; a weekday that is absent is closed."""

    always: bool = False
    weekly: tuple[DayHours, ...] = ()
    exceptions: tuple[DateHours, ...] = ()


ALWAYS: Final = Hours(always=True)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a unit answers for.

    Args:
        unit: its code.
        areas: regions it answers for, within its own area.
        topics: `*`, or prefixes of classification codes.
        languages: BCP 47 tags.
        hours: when it answers.
        seats: how many seats it gives to calls of others.
        target: `tel:` or `sip:` address to put calls through to.
        fallbacks: units that have agreed to answer in its place, in order.
        voicemail: whether a message can be left when nobody answers.
    """

    unit: str
    areas: tuple[str, ...]
    topics: tuple[str, ...]
    languages: tuple[str, ...]
    hours: Hours
    seats: int
    target: str
    fallbacks: tuple[str, ...] = ()
    voicemail: bool = False


class Relation(StrEnum):
    """Where a candidate comes from; candidates are tried in this order."""

    OWNER = "owner"  # answers for the region that is asked about
    PARENT = "parent"  # one level above an owner
    AGREEMENT = "agreement"  # a neighbour, by agreement of one of those


class Verdict(StrEnum):
    """Why a unit is taken, or is not. The first two can answer; the last five only arise for a call, not for a question."""

    CHOSEN = "chosen"  # the first that can answer
    ELIGIBLE = "eligible"  # can answer too
    UNIT_NOT_OPEN = "unit_not_open"
    SUSPENDED = "suspended"
    NOT_DECLARED = "not_declared"
    TOPIC = "topic"
    LANGUAGE = "language"
    CLOSED_NOW = "closed_now"
    NO_NODE = "no_node"  # no node of the federation serves it yet
    LOOP = "loop"  # the call was there already
    HOP_LIMIT = "hop_limit"
    UNREACHABLE = "unreachable"  # set by the observer, never by the owner
    RECENTLY_REFUSED = "recently_refused"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that was considered: which, served by which member, where it comes from, and the verdict."""

    unit: str
    member: str
    relation: Relation
    verdict: Verdict

    @property
    def can_answer(self) -> bool:
        """Whether nothing speaks against it."""
        return self.verdict is Verdict.CHOSEN or self.verdict is Verdict.ELIGIBLE
