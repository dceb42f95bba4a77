"""How the units stood on a day, from the register's own history; on a day to come, what the plans would reach.

A correction that is entered later for the same time counts, because what was written down last is what is known. A plan counts only for
days to come: one whose day has passed without the step is no fact.
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
    for standing in standings:
        counts = now < standing.since <= day if standing.planned else standing.since <= day
        before = latest.get(standing.code)
        if counts and (before is None or standing.since >= before.since):
            latest[standing.code] = standing
    by_plan = frozenset(code for code, standing in latest.items() if standing.planned)
    return AsOf(tuple(_stood(unit, latest.get(unit.code)) for unit in units), by_plan)


def _stood(unit: Unit, standing: Standing | None) -> Unit:
    if standing is None:
        return replace(unit, status=UnitStatus.PLANNED, with_system=False)
    silent_since = standing.since if standing.silent else None
    return replace(unit, status=standing.status, with_system=standing.with_system, silent_since=silent_since)
