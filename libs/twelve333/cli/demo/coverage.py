"""Coverage in the demo: the 366 units are registered, two provinces say more of theirs, and the hub counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...api.registration.v1 import service_pb2
from ...core.coverage.model import ALWAYS, Declaration
from ...core.coverage.report import Line, Report
from ...data import declarations_2013, provinces, units_2013
from ...wire.declarations import declaration_to_wire
from ...wire.registration import level_to_wire
from ..unit import sample_entries
from .stage import Stage, everybody_has_directory

FUZHOU, HEILONGJIANG, HARBIN = "350100", "230000", "230100"


async def register_units(stage: Stage) -> None:
    """Enter all units at the hub, let provinces change their own, and show who covers what."""
    async with stage.federation.hub.connect() as hub:
        await hub.registration.register_units(sample_entries())
        one_seat = replace(next(each for each in declarations_2013() if each.unit == FUZHOU), seats=1)
        await _declare(stage, one_seat)
        version = await _declare(stage, _harbin_answers_for_heilongjiang())
        await everybody_has_directory(stage.federation, version)
        report = await hub.coverage.report()
    _keep(stage, report)
    _tell(stage, report, version)


async def _declare(stage: Stage, declaration: Declaration) -> int:
    """As the province's IT does, with the node's own profile at the hub; the version of the directory that holds it."""
    unit = next(each for each in units_2013() if each.code == declaration.unit)
    member = stage.federation.nodes[unit.province]
    entered = service_pb2.UnitEntry(declaration=declaration_to_wire(declaration))
    entered.unit.code, entered.unit.name, entered.unit.level = unit.code, unit.name, level_to_wire(unit.level)
    entered.unit.with_system = unit.with_system
    async with member.connect(member.folder / "profiles" / "hub") as hub:
        _, version = await hub.registration.register_units([entered])
    return version


def _harbin_answers_for_heilongjiang() -> Declaration:
    """The provincial unit of 黑龙江 is not open itself; by agreement 哈尔滨, the one open unit, answers in its place."""
    target = f"sip:12333@{HEILONGJIANG}.12333.internal"
    return Declaration(HEILONGJIANG, (HEILONGJIANG,), ("*",), ("zh",), ALWAYS, seats=1, target=target, fallbacks=(HARBIN,))


def _keep(stage: Stage, report: Report) -> None:
    figures, total = stage.figures.coverage, report.total
    figures.units, figures.open, figures.with_system = total.units, total.open, total.with_system
    figures.open_pct, figures.with_system_pct = float(total.open_pct or 0), float(total.with_system_pct or 0)


def _tell(stage: Stage, report: Report, version: int) -> None:
    tell, total = stage.tell, report.total
    tell.section("DEMO_COVERAGE", units=total.units, version=version)
    tell.say("DEMO_COVERAGE_LEGEND")
    tell.table(["", "", "", ""], _rows(report.provinces))
    counts = {"units": total.units, "open": total.open, "with_system": total.with_system}
    tell.say("DEMO_COVERAGE_TOTAL", **counts, open_pct=total.open_pct, with_system_pct=total.with_system_pct)
    tell.say("DEMO_COVERAGE_TARGETS", short_open=report.short_of_open, short_system=report.short_of_with_system)
    tell.say("DEMO_COVERAGE_ASSUMED")


def _rows(lines: Sequence[Line]) -> list[list[str]]:
    """Four provinces side by side: open and with a system, of all units."""
    names = provinces()
    cells = [f"{names[line.province]} {line.open}/{line.units} · {line.with_system}" for line in lines]
    return [[*cells[start : start + 4], "", "", ""][:4] for start in range(0, len(cells), 4)]
