"""How the units stood on a day, from the register's own history; on a day to come, what the plans would reach.

A correction that is entered later for the same time counts, because what was written down last is what is known. A plan counts only for
days to come: one whose day has passed without the step is no fact. It says what is to be reached: what is reached already stands as it is,
and a plan to be open takes no consulting system away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ..registration.model import Unit, UnitStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a unit stands from a time on; `planned` if it only intends to; `silent` if it does not count as open for want of a sign."""

    code: str
    since: datetime
    status: UnitStatus
    with_system: bool
    planned: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class AsOf:
    """The units as they stood, and the codes of those that stand so by plan only."""

    units: tuple[Unit, ...]
    by_plan: frozenset[str]


def as_of(units: Iterable[Unit], standings: Iterable[Standing], day: datetime, now: datetime) -> AsOf:
    """The units as they stood at a time.

    Args:
        units: all units as registered now.
        standings: the history, in the order in which it was written down.
        day: aware; the time asked about.
        now: aware; plans count for what comes after it.
    """
    latest: dict[str, Standing] = {}
    for standing in sorted(standings, key=lambda each: each.since):  # of the same time in the order in which they were written down
        if standing.since <= day and (not standing.planned or standing.since > now):
            before = latest.get(standing.code)
            latest[standing.code] = _planned(standing, before) if standing.planned and before else standing
    by_plan = frozenset(code for code, standing in latest.items() if standing.planned)
    return AsOf(tuple(_stood(unit, latest.get(unit.code)) for unit in units), by_plan)


def _planned(plan: Standing, before: Standing) -> Standing:
    """What a plan comes to for a unit that stood somewhere before."""
    keeps = before.with_system and plan.status is before.status is UnitStatus.OPEN
    meant = replace(plan, with_system=plan.with_system or keeps)
    return before if (meant.status, meant.with_system) == (before.status, before.with_system) else meant


def _stood(unit: Unit, standing: Standing | None) -> Unit:
    if standing is None:
        return replace(unit, status=UnitStatus.PLANNED, with_system=False)
    silent_since = standing.since if standing.silent else None
    return replace(unit, status=standing.status, with_system=standing.with_system, silent_since=silent_since)
