"""What units claim to answer for, laid out for comparison: by area, with the week of each in minutes.

The nearer area comes before the wider one; within an area, see `nearness`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from ..ids import parent_of
from ..registration.model import Unit, UnitStatus
from .hours import Schedule, Week, in_season
from .model import MINUTES_A_DAY, Declaration, FallbackRule
from .nearness import nearness

DECLARED: Final = frozenset({UnitStatus.REGISTERED, UnitStatus.VERIFIED, UnitStatus.OPEN, UnitStatus.SUSPENDED})
_LEAP_YEAR: Final = [date(2000, 1, 1) + timedelta(days=number) for number in range(366)]


@dataclass(frozen=True, slots=True)
class Claim:
    """One unit's declaration, made ready.

    Args:
        unit: its code.
        declaration: what it declares.
        weeks: its usual week, then those of its seasons.
        rules: when each fallback stands in.
    """

    unit: str
    declaration: Declaration
    weeks: tuple[Week, ...]
    rules: Mapping[str, FallbackRule] = field(repr=False)

    @classmethod
    def of(cls, declaration: Declaration) -> Claim:
        """Make a declaration ready."""
        rules = {unit: FallbackRule(unit) for unit in declaration.fallbacks} | {rule.unit: rule for rule in declaration.fallback_rules}
        return cls(declaration.unit, declaration, tuple(Schedule(declaration.hours).weeks()), rules)

    @property
    def takes_messages(self) -> bool:
        """Whether somebody, or a machine, takes messages at any hour."""
        return self.declaration.hours.machine or self.declaration.voicemail

    def serves(self, topic: str, language: str) -> int:
        """How closely it answers for topic and language: 0 not at all, else more for a longer prefix and the exact language.

        Args:
            topic: a code, or empty for what no prefix names.
            language: a tag.
        """
        return nearness(self.declaration.topics, self.declaration.languages, topic, language)

    def is_open(self, week: int, weekday: int, minute: int) -> bool:
        """Whether a consultant answers at a minute of its week number `week`."""
        return any(span.start <= minute < span.end for span in self.weeks[week].get(weekday, ()))


def declared_claims(units: Mapping[str, Unit], declarations: Iterable[Declaration]) -> dict[str, Claim]:
    """Claims by unit, of units that are past planning and not closed."""
    known = {declaration.unit for declaration in declarations if declaration.unit in units and units[declaration.unit].status in DECLARED}
    return {it.unit: Claim.of(it) for it in declarations if it.unit in known}


def by_area(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    """Claims by the area they name."""
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        for area in claim.declaration.areas:
            found.setdefault(area, []).append(claim)
    return found


def levels(region: str, areas: Mapping[str, Sequence[Claim]]) -> Iterator[Sequence[Claim]]:
    """The claims on a region, then on what lies around it."""
    place: str | None = region
    while place is not None:
        if place in areas:
            yield areas[place]
        place = parent_of(place)


def nearest(claims: Iterable[Claim], topic: str, language: str) -> list[Claim]:
    """Those that answer most closely for topic and language."""
    rated = [(claim.serves(topic, language), claim) for claim in claims]
    best = max((rate for rate, _ in rated), default=0)
    return [claim for rate, claim in rated if rate == best] if best else []


def year_of(claims: Sequence[Claim]) -> list[tuple[int, ...]]:
    """Every combination of weeks that these units have at some day of the year, as the number of each one's week."""
    if all(len(claim.weeks) == 1 for claim in claims):
        return [(0,) * len(claims)]
    return list(dict.fromkeys(tuple(_week_number(claim, day) for claim in claims) for day in _LEAP_YEAR))


def minutes_that_matter(claims: Sequence[Claim], weeks: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Stretches of the week in which nobody opens or closes, as (weekday, first minute, minute after the last)."""
    for weekday in range(1, 8):
        edges = {0, MINUTES_A_DAY}
        for claim, week in zip(claims, weeks, strict=True):
            for span in claim.weeks[week].get(weekday, ()):
                edges |= {span.start, span.end}
        ordered = sorted(edges)
        for first, after in pairwise(ordered):
            yield weekday, first, after


def _week_number(claim: Claim, day: date) -> int:
    seasons = claim.declaration.hours.seasons
    return next((number for number, season in enumerate(seasons, 1) if in_season(season, day.month, day.day)), 0)
