"""Random directories, states and calls by the thousand: from a seed, so that a failure can be had again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from tests.core.routing.strategies import CODES, NOW, REGIONS

from twelve333.core.coverage.model import DateHours, DayHours, Declaration, Hours, Span
from twelve333.core.ids import is_within, parent_of, province_of
from twelve333.core.registration.model import Unit, UnitStatus
from twelve333.core.routing.model import Call, State
from twelve333.testing.directory import a_declaration, a_unit

MEMBERS = ["350000", "360000", "310000"]
SLOT = 120  # minutes: few edges, so that calls often fall exactly on one


@dataclass(frozen=True)
class Policy:
    """A directory to decide by."""

    units: list[Unit]
    declarations: list[Declaration]
    members: set[str]


def policy(chance: Random) -> Policy:
    """A random directory."""
    codes = chance.sample(CODES, chance.randint(1, len(CODES)))
    units = [a_unit(code, status=_status(chance), parent=_parent(code, chance)) for code in codes]
    declared = [_declaration(code, chance) for code in codes if chance.random() < 0.9]
    return Policy(units, declared, set(chance.sample(MEMBERS, chance.randint(1, 3))))


def questions(chance: Random, count: int) -> Iterator[tuple[Call, State, datetime]]:
    """Random calls, what was observed, and when."""
    for number in range(count):
        visited = tuple(chance.sample(CODES, chance.choice((0, 0, 0, 1, 2, 5))))
        topic, language = chance.choice(("", "01", "0102", "02", "03")), chance.choice(("zh", "zh", "ug", "zh-Hant"))
        now = NOW + timedelta(minutes=SLOT * chance.randint(-36, 36))
        until = [now + timedelta(seconds=seconds) for seconds in (-1, 0, 1)]
        unreachable = {member: chance.choice(until) for member in chance.sample(MEMBERS, chance.randint(0, 2))}
        refused = {code: chance.choice(until) for code in chance.sample(CODES, chance.randint(0, 3))}
        yield Call(f"c{number}", chance.choice(REGIONS), "", topic, language, visited), State(unreachable, refused), now


def _status(chance: Random) -> UnitStatus:
    return UnitStatus.OPEN if chance.random() < 0.75 else chance.choice(list(UnitStatus))


def _parent(code: str, chance: Random) -> str:
    return "" if code.endswith("0000") else chance.choice((parent_of(code) or "", province_of(code)))


def _declaration(code: str, chance: Random) -> Declaration:
    inside = [region for region in REGIONS if is_within(region, code)]
    others = [other for other in CODES if other != code]
    return a_declaration(
        code,
        areas=tuple(chance.sample(inside, chance.randint(1, min(3, len(inside))))),
        topics=chance.choice([("*",), ("*",), ("01",), ("01", "02"), ("0102",)]),
        languages=chance.choice([("zh",), ("zh",), ("ug",), ("zh", "ug")]),
        hours=_hours(chance),
        fallbacks=tuple(chance.sample(others, chance.randint(0, 3))),
        voicemail=chance.random() < 0.3,
    )


def _hours(chance: Random) -> Hours:
    if chance.random() < 0.4:
        return Hours(always=True)
    weekly = tuple(DayHours(day, _spans(chance, 1)) for day in range(1, 8) if chance.random() < 0.8)
    exceptions = tuple(DateHours(date(2014, 1, day), _spans(chance, 0)) for day in range(21, 28) if chance.random() < 0.3)
    return Hours(False, weekly, exceptions)


def _spans(chance: Random, least: int) -> tuple[Span, ...]:
    edges = sorted(chance.sample(range(0, 1441, SLOT), 2 * chance.randint(least, 2)))
    return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))
