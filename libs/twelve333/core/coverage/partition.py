"""Is the country divided without overlap and without a hole? For every region x topic x language x hour of the week: exactly one unit
that answers first, and somebody who stands in.

What is not so is named as a cell with the parties concerned. The proof looks at what was declared, not at who is suspended today:
declarations are refused for it, an emergency is not. Regions where nothing is declared at any level are no fault; they are not covered
yet, and the coverage report says so. Source of the model: RFC 5582 (mapping by the owners, checked where it is published).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..ids import is_within
from ..registration.model import Unit
from .claims import Claim, by_area, declared_claims, levels, minutes_that_matter, nearest, year_of
from .cycles import Ring, rings
from .model import ALL_TOPICS, DEFAULT_LANGUAGE, Consent, Declaration
from .nearness import stands_in


class Fault(StrEnum):
    """What can be wrong with a cell."""

    GAP = "gap"  # nobody answers
    OVERLAP = "overlap"  # two answer first
    NO_FALLBACK = "no_fallback"  # nobody stands in
    CYCLE = "cycle"  # fallbacks lead back to where they began
    OUTSIDE = "outside"  # outside the unit's own area, and its owner has not consented


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of what must be answered: region, topic (empty: any that no prefix names), language, and minutes of a weekday (0: all)."""

    region: str
    topic: str
    language: str
    weekday: int = 0
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, the first cell that has it, and the units concerned."""

    fault: Fault
    cell: Cell
    units: tuple[str, ...]

    @property
    def key(self) -> tuple[Fault, str, str, str, tuple[str, ...]]:
        """What makes two findings the same, whatever the hour."""
        return self.fault, self.cell.region, self.cell.topic, self.cell.language, self.units


@dataclass(frozen=True, slots=True)
class Proof:
    """All findings in the order of regions, and how many cells were looked at."""

    findings: tuple[Finding, ...]
    cells: int

    @property
    def holds(self) -> bool:
        """Whether the country is divided as it must be."""
        return not self.findings

    def new_since(self, before: Proof) -> tuple[Finding, ...]:
        """What is wrong now and was not wrong before."""
        known = {finding.key for finding in before.findings}
        return tuple(finding for finding in self.findings if finding.key not in known)


def prove(units: Iterable[Unit], declarations: Iterable[Declaration]) -> Proof:
    """Check the whole country.

    Args:
        units: all units.
        declarations: at most one a unit; those of units that are planned or closed do not count.
    """
    known = {unit.code: unit for unit in units}
    claims = declared_claims(known, list(declarations))
    found = dict[object, Finding]()
    for finding in (*_outside(known, claims), *map(_cycle, rings(claims))):
        found.setdefault(finding.key, finding)
    areas, cells = by_area(claims.values()), 0
    for region in sorted({*known, *areas}):
        country = _Region(region, known, claims, areas)
        for finding in country.findings():
            found.setdefault(finding.key, finding)
        cells += country.cells
    return Proof(tuple(found.values()), cells)


class _Region:
    """One region with everybody who might answer for it."""

    def __init__(self, region: str, units: Mapping[str, Unit], claims: Mapping[str, Claim], areas: Mapping[str, Sequence[Claim]]) -> None:
        self.region, self.cells = region, 0
        self._levels = [list(level) for level in levels(region, areas)]
        self._owners = list(dict.fromkeys(claim.unit for level in self._levels for claim in level))
        self._everybody = [claims[code] for code in _with_parents_and_fallbacks(self._owners, units, claims)]
        self._place = {claim.unit: number for number, claim in enumerate(self._everybody)}

    def findings(self) -> Iterator[Finding]:
        """What is wrong here."""
        if not self._levels:
            return
        for topic in _topics(self._everybody):
            for language in _languages(claim for level in self._levels for claim in level):
                ranked = [best for level in self._levels if (best := nearest(level, topic, language))]
                serving = [claim for claim in self._everybody if claim.serves(topic, language)]
                yield from self._hours(topic, language, ranked, serving)

    def _hours(self, topic: str, language: str, ranked: list[list[Claim]], serving: list[Claim]) -> Iterator[Finding]:
        for weeks in year_of(self._everybody):
            for weekday, start, end in minutes_that_matter(self._everybody, weeks):
                self.cells += 1
                cell = Cell(self.region, topic, language, weekday, start, end)
                answering = {claim.unit for claim in serving if claim.is_open(weeks[self._place[claim.unit]], weekday, start)}
                first = _first(ranked, answering)
                if len(first) != 1:
                    yield Finding(Fault.OVERLAP if first else Fault.GAP, cell, tuple(sorted(first)))
                elif not self._somebody_stands_in(first[0], cell, serving, answering):
                    yield Finding(Fault.NO_FALLBACK, cell, (first[0],))

    def _somebody_stands_in(self, first: str, cell: Cell, serving: Sequence[Claim], answering: Collection[str]) -> bool:
        if any(claim.takes_messages for claim in serving):
            return True
        claim = self._everybody[self._place[first]]
        for other in answering:
            rule = claim.rules.get(other)
            if other != first and (rule is None or stands_in(rule, cell.topic, cell.language, first in answering)):
                return True
        return False


def _first(ranked: Sequence[Sequence[Claim]], answering: Collection[str]) -> list[str]:
    """Who answers first: at the nearest level where somebody is open, or takes messages."""
    for level in ranked:
        is_there = [claim.unit for claim in level if claim.unit in answering] or [claim.unit for claim in level if claim.takes_messages]
        if is_there:
            return is_there
    return []


def _with_parents_and_fallbacks(owners: Iterable[str], units: Mapping[str, Unit], claims: Mapping[str, Claim]) -> list[str]:
    line = dict.fromkeys(owners)
    for code in list(line):
        parent = units[code].parent
        while parent in units and parent not in line:
            line[parent] = None
            parent = units[parent].parent
    for code in list(line):
        line |= dict.fromkeys(claims[code].declaration.fallbacks if code in claims else ())
    return [code for code in line if code in claims]


def _topics(claims: Iterable[Claim]) -> list[str]:
    """One topic of each kind: every prefix that is named, and what none names."""
    return ["", *sorted({topic for claim in claims for topic in claim.declaration.topics if topic != ALL_TOPICS})]


def _languages(claims: Iterable[Claim]) -> list[str]:
    return sorted({DEFAULT_LANGUAGE, *(language for claim in claims for language in claim.declaration.languages)})


def _outside(units: Mapping[str, Unit], claims: Mapping[str, Claim]) -> Iterator[Finding]:
    """Areas outside a unit's own whose owner has not consented."""
    for claim in claims.values():
        for area in claim.declaration.areas:
            if is_within(area, claim.unit):
                continue
            owner = next((code for code in (area, area[:4] + "00", area[:2] + "0000") if code in units), "")
            if not _consented(claims[owner].declaration.consents if owner in claims else (), claim, area):
                yield Finding(Fault.OUTSIDE, Cell(area, "", ""), (claim.unit, owner) if owner else (claim.unit,))


def _consented(consents: Iterable[Consent], claim: Claim, area: str) -> bool:
    for consent in consents:
        covers = consent.unit == claim.unit and any(is_within(area, allowed) for allowed in consent.areas)
        if covers and (not consent.topics or all(topic.startswith(consent.topics) for topic in claim.declaration.topics)):
            return True
    return False


def _cycle(ring: Ring) -> Finding:
    return Finding(Fault.CYCLE, Cell("", ring.topic, ring.language, ring.weekday, ring.minute, ring.minute + 1), ring.units)
