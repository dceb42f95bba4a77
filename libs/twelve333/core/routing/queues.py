"""What is believed of units' queues: told by their own node, in order, for seconds.

Rule served: no call waits for the network, and nothing that was told lasts without a time. What has expired stays known as stale, which
is a state of its own: no reason to trust it, none to pass the unit over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..decision import Refusal, refuse
from ..registration.model import Unit
from . import codes
from .model import Queue
from .rates import PER_MINUTE_MAX, TOPICS_MAX, Ceiling, Share

LIFETIME: Final = timedelta(seconds=5)  # of what a telephone system or a node told last
LIFETIME_MAX: Final = timedelta(seconds=10)
STALE_FOR: Final = timedelta(minutes=10)  # then it is forgotten altogether
FIGURE_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class Report:
    """How a unit's queue stands, without a time: whether it takes calls, consultants free, callers waiting, seconds of waiting; and how
    many calls of others it admits."""

    active: bool
    free: int
    waiting: int
    wait_s: int
    admits: tuple[Ceiling, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a node told of its units, when by its own clock, and for how long it is to be believed."""

    member: str
    at: datetime
    lifetime: timedelta
    reports: Mapping[str, Report]
    shares: tuple[Share, ...] = ()


def check_report(unit: str, report: Report, units: Mapping[str, Unit], member: str) -> Refusal | None:
    """Refuse what cannot be: another member's unit, figures beyond reason."""
    known = units.get(unit)
    if known is None or known.member != member:
        return refuse(codes.UNIT_NOT_SERVED_HERE, unit=unit[:6], member=member)
    topics = [each.topic for each in report.admits]
    if len(topics) > TOPICS_MAX or len(set(topics)) < len(topics) or not all(each.is_sound for each in report.admits):
        return refuse(codes.RATE_IMPOSSIBLE, unit=unit, topics=TOPICS_MAX, most=f"{PER_MINUTE_MAX:.0f}")
    figures = (report.free, report.waiting, report.wait_s)
    return None if all(0 <= figure <= FIGURE_MAX for figure in figures) else refuse(codes.QUEUE_IMPOSSIBLE, unit=unit, most=FIGURE_MAX)


def hear(told: Told, last: datetime | None, units: Mapping[str, Unit], now: datetime) -> dict[str, Queue]:
    """What to believe of what a node told.

    Args:
        told: as it came, proved to be of that member.
        last: `at` of what was heard of that member before.
        units: of the directory in use; only the member's own count.
        now: when it was heard, by our clock; clocks of members differ.
    """
    if last is not None and told.at <= last:
        return {}
    until = now + max(timedelta(), min(told.lifetime, LIFETIME_MAX))
    sound = {unit: report for unit, report in told.reports.items() if check_report(unit, report, units, told.member) is None}
    return {unit: Queue(report.active, report.free, report.waiting, report.wait_s, now, until) for unit, report in sound.items()}


def admitted(told: Told, units: Mapping[str, Unit], source: str) -> dict[str, list[Ceiling]]:
    """What units admit of one source's calls, of what their node told.

    Args:
        told: as it came, proved to be of that member and not older than what was heard before.
        units: of the directory in use; only the member's own count.
        source: the member that heard it.
    """
    found = dict[str, list[Ceiling]]()
    for share in told.shares:
        ceiling, unit = Ceiling(share.topic, share.per_minute, share.priority), units.get(share.unit)
        if source in share.sources and ceiling.is_sound and unit is not None and unit.member == told.member:
            found.setdefault(share.unit, []).append(ceiling)
    return {unit: ceilings[:TOPICS_MAX] for unit, ceilings in found.items()}
