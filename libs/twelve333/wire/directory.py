"""The federation's directory, as it travels, made ready for questions about coverage and routes."""

from __future__ import annotations

from ..api.registration.v1 import registration_pb2
from ..core.coverage.hours import NO_CALENDAR
from ..core.coverage.snapshot import Snapshot
from ..core.ids import HUB
from ..core.worktime.model import Calendar
from .declarations import declaration_from_wire
from .registration import unit_from_wire


def snapshot_from_wire(directory: registration_pb2.Directory, calendar: Calendar = NO_CALENDAR) -> Snapshot:
    """Index a directory whose signature has been checked; `calendar` holds the announced working days."""
    return Snapshot.of(
        directory.version,
        map(unit_from_wire, directory.units),
        map(declaration_from_wire, directory.declarations),
        (member.name for member in directory.members if member.name != HUB),
        calendar,
    )
