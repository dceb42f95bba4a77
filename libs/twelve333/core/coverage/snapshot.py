"""All that is needed to say who answers, indexed once, so that a question costs the length of its own plan and no more.

The plan of a region is fixed as long as the directory is: its owners (the region's own unit first), their parents, then the
neighbours with whom those have an agreement. What depends on the call or the clock is asked of each entry in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ..ids import parent_of
from ..registration.model import Unit, UnitStatus
from ..worktime.model import Calendar
from .hours import NO_CALENDAR, LocalTime, Schedule, local_time
from .model import ALL_TOPICS, Candidate, Declaration, Hours, Relation, Verdict

NOBODY: Final = Declaration("", (), (), (), Hours(), 0, "")
_STATUS_VERDICTS: Final = {UnitStatus.OPEN: None, UnitStatus.SUSPENDED: Verdict.SUSPENDED}


class Entry:
    """One unit in a plan, with everything about it that only changes with the directory."""

    __slots__ = ("candidates", "declaration", "languages", "member", "no_node", "relation", "schedule", "standing", "topics", "unit")

    def __init__(self, unit: Unit, declaration: Declaration | None, relation: Relation, members: Collection[str]) -> None:
        self.unit = unit.code
        self.member = unit.member
        self.relation = relation
        self.declaration = declaration or NOBODY
        self.standing = _STATUS_VERDICTS.get(unit.status, Verdict.UNIT_NOT_OPEN) or (None if declaration else Verdict.NOT_DECLARED)
        self.no_node = unit.member not in members
        self.topics = None if ALL_TOPICS in self.declaration.topics else self.declaration.topics
        self.languages = frozenset(self.declaration.languages)
        self.schedule = Schedule(self.declaration.hours)
        # Made once, because a decision only points at them.
        self.candidates = {verdict: Candidate(self.unit, self.member, relation, verdict) for verdict in Verdict}

    def verdict(self, topic: str, language: str, local: LocalTime) -> Verdict | None:
        """What speaks against this unit, whoever calls; None if nothing does.

        Args:
            topic: a classification code, or empty for any.
            language: a language tag; a speaker of `zh` also serves `zh-Hant`.
            local: when.
        """
        if self.standing:
            return self.standing
        if topic and self.topics is not None and not topic.startswith(self.topics):
            return Verdict.TOPIC
        if language not in self.languages and language.partition("-")[0] not in self.languages:
            return Verdict.LANGUAGE
        return None if self.schedule.is_open(local) else Verdict.CLOSED_NOW


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the directory, made ready for questions.

    Args:
        version: of the directory.
        units: by code.
        declarations: by unit code.
        members: names of the members that have a node.
        plans: for each region that somebody answers for, the units to try, in order.
        calendar: the announced working days.
    """

    version: int
    units: Mapping[str, Unit]
    declarations: Mapping[str, Declaration]
    members: frozenset[str]
    plans: Mapping[str, tuple[Entry, ...]] = field(repr=False, compare=False)
    calendar: Calendar = field(default=NO_CALENDAR, repr=False)

    @classmethod
    def of(
        cls,
        version: int,
        units: Iterable[Unit],
        declarations: Iterable[Declaration],
        members: Iterable[str],
        calendar: Calendar = NO_CALENDAR,
    ) -> Snapshot:
        """Index a directory.

        Args:
            version: its version.
            units: all units.
            declarations: at most one a unit; those of unknown units are left out.
            members: names of the members that have a node.
            calendar: the announced working days.
        """
        by_code = {unit.code: unit for unit in units}
        declared = {declaration.unit: declaration for declaration in declarations if declaration.unit in by_code}
        nodes = frozenset(members)
        return cls(version, by_code, declared, nodes, _plans(by_code, declared, nodes), calendar)

    def local(self, now: datetime) -> LocalTime:
        """An aware time as opening hours see it."""
        return local_time(now, self.calendar)

    def plan(self, region: str) -> tuple[Entry, ...]:
        """The units to try for a region, in order; a region that nobody declared falls to the one above it."""
        plan = self.plans.get(region)
        while plan is None:
            above = parent_of(region)
            if above is None:
                return ()
            region = above
            plan = self.plans.get(region)
        return plan


def _plans(units: Mapping[str, Unit], declared: Mapping[str, Declaration], members: frozenset[str]) -> dict[str, tuple[Entry, ...]]:
    owners: dict[str, list[str]] = {code: [code] for code in units}
    for code in sorted(declared):
        for area in declared[code].areas:
            others = owners.setdefault(area, [])
            if code not in others:
                others.append(code)
    entries: dict[tuple[str, Relation], Entry] = {}

    def entry(code: str, relation: Relation) -> Entry:
        key = (code, relation)
        if key not in entries:
            entries[key] = Entry(units[code], declared.get(code), relation, members)
        return entries[key]

    return {region: tuple(entry(code, relation) for code, relation in _order(codes, units, declared)) for region, codes in owners.items()}


def _order(owners: list[str], units: Mapping[str, Unit], declared: Mapping[str, Declaration]) -> Iterator[tuple[str, Relation]]:
    """Owners, their parents upwards, then the agreements of all of these in the same order; each unit once."""
    line = dict.fromkeys(owners, Relation.OWNER)
    for code in owners:
        parent = units[code].parent
        while parent in units and parent not in line:
            line[parent] = Relation.PARENT
            parent = units[parent].parent
    for code in list(line):
        for other in declared[code].fallbacks if code in declared else ():
            if other in units:
                line.setdefault(other, Relation.AGREEMENT)
    return iter(line.items())
