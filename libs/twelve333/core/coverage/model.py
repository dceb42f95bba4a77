"""Facts of coverage: what a unit declares, and the verdicts on a unit that is considered for a call.

Hours are in Chinese official time (UTC+8 all over the country), as minutes of the day, so that lunch breaks, staggered shifts, seasons
and single dates are plain data; holidays and make-up working days come from the calendar of the State Council (`core/worktime`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

MINUTES_A_DAY: Final = 1_440
ALL_TOPICS: Final = "*"
ALL_SOURCES: Final = "*"
DEFAULT_LANGUAGE: Final = "zh"

AREAS_MAX: Final = 200
TOPICS_MAX: Final = 200
LANGUAGES_MAX: Final = 32
EXCEPTIONS_MAX: Final = 400
SPANS_MAX: Final = 8
SEASONS_MAX: Final = 8
FALLBACKS_MAX: Final = 8
CONSENTS_MAX: Final = 32
SKILLS_MAX: Final = 64
GRANTS_MAX: Final = 64
MORE_TARGETS_MAX: Final = 4
OFFICE_CHARS_MAX: Final = 64
SEATS_MAX: Final = 10_000
TARGET_CHARS_MAX: Final = 255
RESERVED_PCT: Final = 20  # what is usual


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
class Season:
    """The hours of a part of every year, in place of the usual ones (吉林: another closing time in winter).

    Args:
        first, last: month and day on which it begins and ends, both included; it may go over the end of a year.
        weekly: the hours by weekday; a weekday that is absent is closed.
    """

    first: tuple[int, int]
    last: tuple[int, int]
    weekly: tuple[DayHours, ...]


class HolidayHours(StrEnum):
    """What a unit does on a Monday to Friday that the State Council made a holiday."""

    USUAL = "usual"  # answers as on any such weekday (天津: no day off)
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Hours:
    """When a consultant answers. A date that differs comes before the calendar, the calendar before the season, that before the usual week.

    Args:
        always: day and night, all the year; then nothing else is said.
        weekly: the usual week; a weekday that is absent is closed.
        exceptions: single dates.
        seasons: parts of the year with other hours; no day is in two of them.
        holidays: what holds on a holiday.
        makeup_as: the weekday (1-7) whose hours hold on a make-up working day; 0: its own.
        machine: whether an answering machine (IVR) serves callers and takes messages whenever no consultant does.
    """

    always: bool = False
    weekly: tuple[DayHours, ...] = ()
    exceptions: tuple[DateHours, ...] = ()
    seasons: tuple[Season, ...] = ()
    holidays: HolidayHours = HolidayHours.USUAL
    makeup_as: int = 0
    machine: bool = False


ALWAYS: Final = Hours(always=True)


class CityHotline(StrEnum):
    """How a unit's line stands to its city's 12345."""

    UNSAID = "unsaid"
    NONE = "none"
    PARALLEL = "parallel"  # both numbers are answered, each by its own desk
    ABSORBED = "absorbed"  # 12345 answers for both
    SUB_CENTRE = "sub_centre"  # a desk of its own inside 12345


class FallbackWhen(StrEnum):
    """When a fallback stands in."""

    ANY = "any"  # whenever the unit does not answer
    CLOSED = "closed"  # only outside the unit's hours
    BUSY = "busy"  # only within them: no seat free, or its node out of reach


@dataclass(frozen=True, slots=True)
class Consent:
    """Leave for `unit` to answer for `areas` of the consenting unit; topics `()`: all."""

    unit: str
    areas: tuple[str, ...]
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FallbackRule:
    """Narrows when `unit`, one of the fallbacks, stands in; topics and languages `()`: all."""

    unit: str
    when: FallbackWhen = FallbackWhen.ANY
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkillSeats:
    """So many of the seats have this skill; empty topic or language: any."""

    topic: str
    language: str
    seats: int


@dataclass(frozen=True, slots=True)
class Grant:
    """So many of the seats are kept for calls of `source`: a unit, a province (all of its units), or `*`; topics `()`: all."""

    source: str
    seats: int
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """The office to turn to about a unit, and its `tel:` address."""

    office: str
    telephone: str


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a unit answers for.

    Args:
        unit: its code.
        areas: regions it answers for: within its own area, or with the consent of the unit whose they are.
        topics: `*`, or prefixes of classification codes.
        languages: BCP 47 tags.
        hours: when it answers.
        seats: how many seats it gives to calls of others.
        target: `tel:` or `sip:` address to put calls through to.
        fallbacks: units that have agreed to answer in its place, in order.
        voicemail: whether a message can be left when nobody answers.
        consents: units that may answer for part of its area.
        fallback_rules: when the fallbacks stand in; those without a rule: always.
        skills: seats by skill.
        grants: seats kept for others; none: all seats are for everybody.
        more_targets: further addresses, tried in order when `target` does not answer.
        contact: the office to turn to.
        city_hotline: how it stands to the city's 12345.
        in_force_from: the day from which this holds; None: at once.
        reserved_pct: percent of the calls a minute that it admits from others which are kept for priority calls.
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
    consents: tuple[Consent, ...] = ()
    fallback_rules: tuple[FallbackRule, ...] = ()
    skills: tuple[SkillSeats, ...] = ()
    grants: tuple[Grant, ...] = ()
    more_targets: tuple[str, ...] = ()
    contact: Contact | None = None
    city_hotline: CityHotline = CityHotline.UNSAID
    in_force_from: date | None = None
    reserved_pct: int = RESERVED_PCT


class Relation(StrEnum):
    """Where a candidate comes from; candidates are tried in this order."""

    POLICY = "policy"  # named by a rule of the unit that answers for the region
    OWNER = "owner"  # answers for the region that is asked about
    PARENT = "parent"  # one level above an owner
    AGREEMENT = "agreement"  # a neighbour, by agreement of one of those


class Verdict(StrEnum):
    """Why a unit is taken, or is not. The first two can answer; those from LOOP on only arise for a call, not for a question."""

    CHOSEN = "chosen"  # the first that can answer
    ELIGIBLE = "eligible"  # can answer too
    UNIT_NOT_OPEN = "unit_not_open"
    SUSPENDED = "suspended"
    SILENT = "silent"  # open, but without a sign of life for days
    NOT_DECLARED = "not_declared"
    TOPIC = "topic"
    LANGUAGE = "language"
    CLOSED_NOW = "closed_now"
    NOT_AGREED = "not_agreed"  # by its agreement it stands in at other times, or for other topics or languages
    NO_NODE = "no_node"  # no node of the federation serves it yet
    LOOP = "loop"  # the call was there already
    HOP_LIMIT = "hop_limit"
    UNREACHABLE = "unreachable"  # set by the observer, never by the owner
    RECENTLY_REFUSED = "recently_refused"
    RULE = "rule"  # by a rule of its own
    INACTIVE = "inactive"  # told lately that it takes no calls
    FULL = "full"  # told lately that no seat is free, or we hold no slot of it
    RATE = "rate"  # admits fewer calls of this kind from here


class Told(StrEnum):
    """How much is known of a unit's queue."""

    NOTHING = "nothing"  # it never told, or not for long
    FRESH = "fresh"
    STALE = "stale"  # what it told has expired: no reason to trust it, none to pass it over


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that was considered.

    Args:
        unit, member: which, and whose node serves it.
        relation: where it comes from.
        verdict: why it is taken, or is not.
        rule: the rule that named or rejected it, as owner/id; empty if none did.
        told: how much was known of its queue.
        reserved: whether the part of its rate that is kept for priority calls decided: it lets this one pass, or keeps this usual one out.
    """

    unit: str
    member: str
    relation: Relation
    verdict: Verdict
    rule: str = ""
    told: Told = Told.NOTHING
    reserved: bool = False

    @property
    def can_answer(self) -> bool:
        """Whether nothing speaks against it."""
        return self.verdict is Verdict.CHOSEN or self.verdict is Verdict.ELIGIBLE
