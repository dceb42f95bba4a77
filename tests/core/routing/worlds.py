"""Random directories, rules, states and calls by the thousand: from a seed, so that a failure can be had again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from tests.core.routing.strategies import CODES, NOW, REGIONS

from twelve333.core.coverage.model import (
    DateHours,
    DayHours,
    Declaration,
    FallbackRule,
    FallbackWhen,
    HolidayHours,
    Hours,
    Season,
    Span,
)
from twelve333.core.ids import parent_of, province_of
from twelve333.core.registration.model import Unit, UnitStatus
from twelve333.core.routing.model import Call, Gap, Queue, Slots, State
from twelve333.core.routing.policy import Action, Policy, Rule, Target, When
from twelve333.core.worktime.model import Calendar
from twelve333.testing.directory import a_declaration, a_unit

MEMBERS = ["350000", "360000", "310000"]
SLOT = 120  # minutes: few edges, so that calls often fall exactly on one
HOLIDAYS, WORKED = frozenset({date(2014, 1, 23), date(2014, 1, 24)}), frozenset({date(2014, 1, 25), date(2014, 1, 26)})
CALENDAR = Calendar("made up", frozenset({2014}), WORKED, HOLIDAYS)
TOPICS = ("", "01", "0102", "02", "03")


@dataclass(frozen=True)
class World:
    """A directory to decide by, and the rules of its units."""

    units: list[Unit]
    declarations: list[Declaration]
    members: set[str]
    policies: list[Policy]


def world(chance: Random) -> World:
    """A random directory."""
    codes = chance.sample(CODES, chance.randint(1, len(CODES)))
    silences = (None, None, None, None, NOW)
    units = [a_unit(code, status=_status(chance), parent=_parent(code, chance), silent_since=chance.choice(silences)) for code in codes]
    declared = [_declaration(code, chance) for code in codes if chance.random() < 0.9]
    policies = [_policy(code, chance) for code in codes if chance.random() < 0.5]
    return World(units, declared, set(chance.sample(MEMBERS, chance.randint(1, 3))), policies)


def questions(chance: Random, count: int) -> Iterator[tuple[Call, State, datetime]]:
    """Random calls, what was observed, and when."""
    for number in range(count):
        now = NOW + timedelta(minutes=SLOT * chance.randint(-36, 36))
        yield _call(f"c{number}", chance), _state(chance, now), now


def _call(call_id: str, chance: Random) -> Call:
    visited = tuple(chance.sample(CODES, chance.choice((0, 0, 0, 1, 2, 5))))
    language, caller = chance.choice(("zh", "zh", "ug", "zh-Hant")), chance.choice(("", *REGIONS))
    return Call(
        call_id, chance.choice(REGIONS), caller, chance.choice(TOPICS), language, visited, chance.choice((0, 0, 5, 9)), chance.random()
    )


def _state(chance: Random, now: datetime) -> State:
    until = [now + timedelta(seconds=seconds) for seconds in (-1, 0, 1)]
    unreachable = {member: chance.choice(until) for member in chance.sample(MEMBERS, chance.choice((0, 0, 1, 2)))}
    refused = {code: chance.choice(until) for code in chance.sample(CODES, chance.choice((0, 0, 1, 3)))}
    queues = {code: _queue(chance, now, chance.choice(until)) for code in chance.sample(CODES, chance.choice((0, 2, 4)))}
    slots = {code: Slots(chance.choice((0, 0, 2)), chance.choice(until)) for code in chance.sample(CODES, chance.choice((0, 0, 2)))}
    gapped = {code: Gap(chance.choice(until), chance.random() < 0.5) for code in chance.sample(CODES, chance.choice((0, 0, 2, 5)))}
    return State(unreachable, refused, queues, slots, gapped)


def _queue(chance: Random, now: datetime, until: datetime) -> Queue:
    return Queue(chance.random() < 0.8, chance.choice((0, 1, 5)), chance.choice((0, 3)), chance.choice((0, 60)), now, until)


def _policy(code: str, chance: Random) -> Policy:
    priorities = chance.sample(range(10), chance.randint(1, 3))
    return Policy(code, chance.randint(1, 9), tuple(_rule(f"r{priority}", priority, chance) for priority in priorities))


def _rule(rule_id: str, priority: int, chance: Random) -> Rule:
    prefer = chance.random() < 0.6
    targets = tuple(Target(code, chance.choice((1, 1, 2, 5))) for code in chance.sample(CODES, chance.randint(1, 4))) if prefer else ()
    bounds = (None, None, NOW, NOW + timedelta(days=1))
    return Rule(
        rule_id,
        priority,
        Action.PREFER if prefer else Action.REFUSE,
        When(
            topics=chance.choice(((), (), ("01",), ("0102", "02"))),
            languages=chance.choice(((), (), ("zh",))),
            caller_regions=chance.choice(((), (), ("350000",), ("360400", "350182"))),
            windows=chance.choice(((), (), tuple(DayHours(day, _spans(chance, 1)) for day in (5, 6, 7)))),
            priority_min=chance.choice((0, 0, 0, 5)),
            waiting_min=chance.choice((0, 0, 0, 3)),
            wait_min_s=chance.choice((0, 0, 0, 60)),
            share_pct=chance.choice((100, 100, 50, 10)),
        ),
        targets,
        chance.choice(bounds),
        chance.choice((*bounds, None)),
    )


def _status(chance: Random) -> UnitStatus:
    return UnitStatus.OPEN if chance.random() < 0.75 else chance.choice(list(UnitStatus))


def _parent(code: str, chance: Random) -> str:
    return "" if code.endswith("0000") else chance.choice((parent_of(code) or "", province_of(code)))


def _declaration(code: str, chance: Random) -> Declaration:
    near = [region for region in REGIONS if province_of(region) == province_of(code)]
    others = [other for other in CODES if other != code]
    fallbacks = chance.sample(others, chance.randint(0, 3))
    return a_declaration(
        code,
        areas=tuple(chance.sample(near, chance.randint(1, min(3, len(near))))),
        topics=chance.choice([("*",), ("*",), ("01",), ("01", "02"), ("0102",)]),
        languages=chance.choice([("zh",), ("zh",), ("ug",), ("zh", "ug"), ("zh-Hant", "zh")]),
        hours=_hours(chance),
        fallbacks=tuple(fallbacks),
        fallback_rules=tuple(_fallback_rule(other, chance) for other in fallbacks if chance.random() < 0.5),
        voicemail=chance.random() < 0.3,
    )


def _fallback_rule(other: str, chance: Random) -> FallbackRule:
    return FallbackRule(other, chance.choice(list(FallbackWhen)), chance.choice(((), ("01",))), chance.choice(((), ("zh",))))


def _hours(chance: Random) -> Hours:
    if chance.random() < 0.4:
        return Hours(always=True)
    exceptions = tuple(DateHours(date(2014, 1, day), _spans(chance, 0)) for day in range(21, 28) if chance.random() < 0.2)
    seasons = (Season((1, 24), chance.choice(((1, 25), (1, 23))), _week(chance)),) if chance.random() < 0.3 else ()
    return Hours(False, _week(chance), exceptions, seasons, chance.choice(list(HolidayHours)), chance.choice((0, 1, 3)))


def _week(chance: Random) -> tuple[DayHours, ...]:
    return tuple(DayHours(day, _spans(chance, 1)) for day in range(1, 8) if chance.random() < 0.8)


def _spans(chance: Random, least: int) -> tuple[Span, ...]:
    edges = sorted(chance.sample(range(0, 1441, SLOT), 2 * chance.randint(least, 2)))
    return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))
