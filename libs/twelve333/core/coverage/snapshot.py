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
from .hours import NO_CALENDAR, LocalTime, LocalTimes, Schedule
from .model import ALL_TOPICS, Candidate, Declaration, FallbackRule, Hours, Relation, Told, Verdict
from .nearness import nearness, stands_in

NOBODY: Final = Declaration("", (), (), (), Hours(), 0, "")
_STATUS_VERDICTS: Final = {UnitStatus.OPEN: None, UnitStatus.SUSPENDED: Verdict.SUSPENDED}

_OWNER: Final = Relation.OWNER  # looked up once, not with each call


class Entry:
    """One unit in a plan, with everything about it that only changes with the directory."""

    __slots__ = (
        "_candidates",
        "agreement",
        "declaration",
        "languages",
        "member",
        "no_node",
        "relation",
        "schedule",
        "standing",
        "topics",
        "unit",
        "voicemail",
    )

    def __init__(
        self,
        unit: Unit,
        declaration: Declaration | None,
        relation: Relation,
        members: Collection[str],
        agreement: Agreement | None = None,
    ) -> None:
        self.unit = unit.code
        self.member = unit.member
        self.relation = relation
        self.agreement = agreement
        self.declaration = declaration or NOBODY
        self.voicemail = self.declaration.voicemail
        self.standing = _standing(unit) or (None if declaration else Verdict.NOT_DECLARED)
        self.no_node = unit.member not in members
        self.topics = None if ALL_TOPICS in self.declaration.topics else self.declaration.topics
        self.languages = frozenset(self.declaration.languages)
        self.schedule = Schedule(self.declaration.hours)
        self._candidates: dict[tuple[Verdict, Told, str, bool], Candidate] = {}

    def candidate(self, verdict: Verdict, told: Told = Told.NOTHING, rule: str = "", *, reserved: bool = False) -> Candidate:
        """This unit with a verdict; made once, because a decision only points at it."""
        found = self._candidates.get((verdict, told, rule, reserved))
        if found is None:
            found = Candidate(self.unit, self.member, self.relation, verdict, rule, told, reserved)
            self._candidates[verdict, told, rule, reserved] = found
        return found

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
        if not self.schedule.is_open(local):
            return Verdict.CLOSED_NOW
        return None if self.agreement is None or self.agreement.holds(topic, language, local) else Verdict.NOT_AGREED

    def nearness(self, topic: str, language: str) -> int:
        """How closely it answers for topic and language."""
        return nearness(self.declaration.topics, self.languages, topic, language)


def _standing(unit: Unit) -> Verdict | None:
    return _STATUS_VERDICTS.get(unit.status, Verdict.UNIT_NOT_OPEN) or (Verdict.SILENT if unit.silent_since else None)


class Agreement:
    """When a unit stands in for another, by a rule of the other one's."""

    __slots__ = ("_rule", "_schedule")

    def __init__(self, rule: FallbackRule, schedule: Schedule) -> None:
        self._rule, self._schedule = rule, schedule

    def holds(self, topic: str, language: str, local: LocalTime) -> bool:
        """Whether it stands in now."""
        return stands_in(self._rule, topic, language, self._schedule.is_open(local))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of the directory, made ready for questions.

    Args:
        version: of the directory.
        units: by code.
        declarations: by unit code.
        members: names of the members that have a node.
        plans: for each region that somebody answers for, the units to try, in order.
        named: every unit, as one that a rule names.
        calendar: the announced working days.
        times: as opening hours see them by that calendar.
    """

    version: int
    units: Mapping[str, Unit]
    declarations: Mapping[str, Declaration]
    members: frozenset[str]
    plans: Mapping[str, tuple[Entry, ...]] = field(repr=False, compare=False)
    named: Mapping[str, Entry] = field(repr=False, compare=False)
    calendar: Calendar = field(default=NO_CALENDAR, repr=False)
    times: LocalTimes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "times", LocalTimes(self.calendar))

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
        named = {code: Entry(unit, declared.get(code), Relation.POLICY, nodes) for code, unit in by_code.items()}
        return cls(version, by_code, declared, nodes, _plans(by_code, declared, nodes), named, calendar)

    def local(self, now: datetime) -> LocalTime:
        """An aware time as opening hours see it."""
        return self.times.at(now)

    def plan_for(self, region: str, topic: str, language: str) -> tuple[Entry, ...]:
        """The units to try for a question, in order; of several that answer for the region, the one that does so most closely comes first.

        Args:
            region: the place asked about.
            topic: a classification code, or empty for any.
            language: a language tag.
        """
        plan = self.plan(region)
        if len(plan) < 2 or plan[1].relation is not _OWNER:
            return plan
        owners = [entry for entry in plan if entry.relation is Relation.OWNER]
        return (*sorted(owners, key=lambda entry: -entry.nearness(topic, language)), *plan[len(owners) :])

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
    entries: dict[tuple[str, Relation, str], Entry] = {}

    def entry(code: str, relation: Relation, grantor: str) -> Entry:
        key = (code, relation, grantor)
        if key not in entries:
            agreement = _agreement(declared[grantor], code) if grantor else None
            entries[key] = Entry(units[code], declared.get(code), relation, members, agreement)
        return entries[key]

    return {region: tuple(entry(*each) for each in _order(codes, units, declared)) for region, codes in owners.items()}


def _agreement(grantor: Declaration, fallback: str) -> Agreement | None:
    rule = next((rule for rule in grantor.fallback_rules if rule.unit == fallback), None)
    return Agreement(rule, Schedule(grantor.hours)) if rule else None


def _order(owners: list[str], units: Mapping[str, Unit], declared: Mapping[str, Declaration]) -> Iterator[tuple[str, Relation, str]]:
    """Owners, their parents upwards, then the agreements of all of these in the same order, with who made them; each unit once."""
    line = dict.fromkeys(owners, (Relation.OWNER, ""))
    for code in owners:
        parent = units[code].parent
        while parent in units and parent not in line:
            line[parent] = (Relation.PARENT, "")
            parent = units[parent].parent
    for code in list(line):
        for other in declared[code].fallbacks if code in declared else ():
            if other in units:
                line.setdefault(other, (Relation.AGREEMENT, code))
    return ((code, relation, grantor) for code, (relation, grantor) in line.items())
