"""The country of 2013 for a day: its units, with the further seats of a consultation day."""

from __future__ import annotations

from dataclasses import replace

from ...core.coverage.snapshot import Snapshot
from ...data import declarations_2013, provinces, units_2013
from .traffic import Scenario


def country(scenario: Scenario) -> Snapshot:
    """The directory of the day; further seats go one by one to the units with most seats first."""
    declared = sorted(declarations_2013(), key=lambda each: (-each.seats, each.unit))
    whole, rest = divmod(scenario.extra_seats, len(declared))
    seated = [replace(each, seats=each.seats + whole + (number < rest)) for number, each in enumerate(declared)]
    return Snapshot.of(1, units_2013(), seated, provinces())
