"""The federation's directory, as it travels, made ready for questions about coverage and routes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.registration.v1 import registration_pb2
from ..core.coverage.dated import begins_at, in_force, is_ahead, next_change
from ..core.coverage.hours import NO_CALENDAR
from ..core.coverage.snapshot import Snapshot
from ..core.ids import HUB
from ..core.worktime.model import Calendar
from .declarations import declaration_from_wire
from .registration import unit_from_wire


@dataclass(frozen=True, slots=True)
class Indexed:
    """A directory made ready for a time, and between which changes dated ahead that holds; None: no change on that side."""

    snapshot: Snapshot
    since: datetime | None
    until: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether it is what holds at another time too."""
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)


def snapshot_from_wire(directory: registration_pb2.Directory, calendar: Calendar = NO_CALENDAR, at: datetime | None = None) -> Snapshot:
    """Index a directory whose signature has been checked.

    Args:
        directory: as it travels.
        calendar: the announced working days.
        at: when it is to hold: what units declared ahead takes effect on its day. As it was signed if None.
    """
    declared = {each.unit: each for each in map(declaration_from_wire, directory.declarations)}
    if at is not None:
        declared = in_force(declared, map(declaration_from_wire, directory.upcoming), at)
    nodes = (member.name for member in directory.members if member.name != HUB)
    return Snapshot.of(directory.version, map(unit_from_wire, directory.units), declared.values(), nodes, calendar)


def indexed(directory: registration_pb2.Directory, calendar: Calendar, at: datetime) -> Indexed:
    """The same for a time, with how long it holds."""
    ahead = list(map(declaration_from_wire, directory.upcoming))
    begun = [begins_at(each.in_force_from) for each in ahead if each.in_force_from and not is_ahead(each, at)]
    return Indexed(snapshot_from_wire(directory, calendar, at), max(begun, default=None), next_change(ahead, at))
