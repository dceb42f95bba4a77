"""How many units are open, how many of the open ones use a consulting system, and what is missing to the targets.

Shares state what they divide by: `open` by all units, `with_system` by the open ones. Rounded half up, in decimals; a share of
nothing is absent, never 0. Source of the form: table 1 of the national bulletin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from ..registration.model import Level, Unit, UnitStatus

TENTH: Final = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Targets:
    """How many units should be open, and how many should use a consulting system."""

    open: int = 340
    with_system: int = 300


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of a province, or of the country (then `province`, `name` and `not_open` are empty).

    Args:
        province: code of the reporting body.
        name: name of its own centre.
        units: how many there are.
        open: how many are open.
        with_system: how many of the open ones use a consulting system.
        not_open: codes of the others.
        silent: of those, the ones that would be open, had they not been silent for days.
    """

    province: str
    name: str
    units: int
    open: int
    with_system: int
    not_open: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @property
    def open_pct(self) -> Decimal | None:
        """Open units in percent of all units, to 0.1; None if there are none."""
        return percent(self.open, self.units)

    @property
    def with_system_pct(self) -> Decimal | None:
        """Open units with a system in percent of the open ones, to 0.1; None if none is open."""
        return percent(self.with_system, self.open)


class Lack(StrEnum):
    """What a unit lacks that is missing to a target."""

    OPENING = "opening"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    SILENT = "silent"
    SYSTEM = "system"


_LACKS: Final = {UnitStatus.OPEN: Lack.SILENT, UnitStatus.SUSPENDED: Lack.SUSPENDED, UnitStatus.CLOSED: Lack.CLOSED}


@dataclass(frozen=True, slots=True)
class Missing:
    """A unit that is missing to a target: its code, name and province, and what it lacks."""

    code: str
    name: str
    province: str
    lack: Lack


@dataclass(frozen=True, slots=True)
class Report:
    """The counts per province in the order of codes, the total, how far it is from the targets, units counted by plan only, and each unit
    that is missing to a target."""

    provinces: tuple[Line, ...]
    total: Line
    short_of_open: int
    short_of_with_system: int
    by_plan: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()


def percent(part: int, whole: int) -> Decimal | None:
    """`part` of `whole` in percent, rounded half up to one decimal; None for a share of nothing."""
    return (Decimal(100 * part) / whole).quantize(TENTH, ROUND_HALF_UP) if whole else None


def report(units: Iterable[Unit], targets: Targets = Targets()) -> Report:
    """Count the units.

    Args:
        units: all units, in any order.
        targets: what is wanted.
    """
    ordered = sorted(units, key=lambda unit: unit.code)
    by_province: dict[str, list[Unit]] = {}
    for unit in ordered:
        by_province.setdefault(unit.province, []).append(unit)
    lines = tuple(_line(province, by_province[province]) for province in sorted(by_province))
    total = Line("", "", sum(line.units for line in lines), sum(line.open for line in lines), sum(line.with_system for line in lines))
    missing = tuple(Missing(unit.code, unit.name, unit.province, lack) for unit in ordered if (lack := _lack(unit)))
    return Report(lines, total, max(0, targets.open - total.open), max(0, targets.with_system - total.with_system), missing=missing)


def _lack(unit: Unit) -> Lack | None:
    if unit.answers:
        return None if unit.with_system else Lack.SYSTEM
    return _LACKS.get(unit.status, Lack.OPENING)


def _line(province: str, units: Sequence[Unit]) -> Line:
    open_units = [unit for unit in units if unit.answers]
    name = next((unit.name for unit in units if unit.level is Level.PROVINCE), "")
    not_open = tuple(unit.code for unit in units if not unit.answers)
    silent = tuple(unit.code for unit in units if unit.status is UnitStatus.OPEN and not unit.answers)
    return Line(province, name, len(units), len(open_units), sum(unit.with_system for unit in open_units), not_open, silent)
