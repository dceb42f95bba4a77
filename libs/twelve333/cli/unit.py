"""`twelve333 unit`: the register of units, as the hub holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from ..api.registration.v1 import service_pb2
from ..core.decision import Code, Kind, Refused, refuse
from ..core.registration.model import Unit, UnitStatus
from ..data import declarations_2013, units_2013
from ..wire.declarations import declaration_to_wire
from ..wire.registration import unit_to_wire
from .common import Common, connect, read_text
from .output import show, show_one
from .unit_file import parse_units

app = App(
    name="unit",
    help="The register of units: list, import, open, suspend, close. Ask the hub, so use an operator's or a node's hub profile.",
)
IMPORT_SOURCE = Code("CLI_UNIT_IMPORT_SOURCE", Kind.INVALID)
COLUMNS = ("code", "name", "province", "level", "status", "with_system", "member")


@app.command(name="list")
async def list_units(*, province: str = "", status: UnitStatus | None = None, common: Common = Common()) -> None:
    """List units in the order of their codes.

    Args:
        province: only those of this province, e.g. 350000.
        status: only those in this state.
    """
    async with connect(common) as hub:
        units = await hub.registration.list_units(province, status)
    show([_row(unit) for unit in units], COLUMNS, as_json=common.json, title=f"{len(units)} units")


@app.command(name="show")
async def show_unit(code: str, *, common: Common = Common()) -> None:
    """Show one unit.

    Args:
        code: GB/T 2260 code, e.g. 350100.
    """
    async with connect(common) as hub:
        unit = await hub.registration.get_unit(code)
    show_one(_row(unit), as_json=common.json)


@app.command(name="import")
async def import_units(
    file: Path | None = None, *, sample: Annotated[Literal["2013"] | None, Parameter()] = None, common: Common = Common()
) -> None:
    """Enter many units at once, all of them or none; those already there are changed.

    Args:
        file: CSV with unit_code, unit_name, level and more (see docs/operations.md); `-` reads standard input.
        sample: instead of a file, the national table of the end of 2013 that comes with the program.
    """
    if (file is None) == (sample is None):
        raise Refused(refuse(IMPORT_SOURCE))
    entries = parse_units(read_text(file), str(file)) if file else sample_entries()
    async with connect(common) as hub:
        changed, version = await hub.registration.register_units(entries)
    show_one({"units": len(entries), "changed": changed, "directory_version": version}, as_json=common.json)


@app.command(name="open")
async def open_unit(code: str, *, common: Common = Common()) -> None:
    """Let a unit answer callers; the ministry does so the first time, the province resumes after a suspension."""
    await _change(code, UnitStatus.OPEN, common)


@app.command
async def suspend(code: str, *, common: Common = Common()) -> None:
    """Take a unit out for a time; its calls go to its parent, then to neighbours by agreement."""
    await _change(code, UnitStatus.SUSPENDED, common)


@app.command
async def close(code: str, *, common: Common = Common()) -> None:
    """End a unit for good."""
    await _change(code, UnitStatus.CLOSED, common)


def sample_entries() -> list[service_pb2.UnitEntry]:
    """The national table of the end of 2013 as it is registered; see `twelve333.data` for what is assumed in it."""
    declared = {declaration.unit: declaration_to_wire(declaration) for declaration in declarations_2013()}
    return [service_pb2.UnitEntry(unit=unit_to_wire(unit), declaration=declared.get(unit.code)) for unit in units_2013()]


async def _change(code: str, status: UnitStatus, common: Common) -> None:
    async with connect(common) as hub:
        unit, version = await hub.registration.change_status(code, status)
    show_one({**_row(unit), "directory_version": version}, as_json=common.json)


def _row(unit: Unit) -> dict[str, Any]:
    return {
        "code": unit.code,
        "name": unit.name,
        "province": unit.province,
        "level": unit.level.value,
        "status": unit.status.value,
        "with_system": unit.with_system,
        "member": unit.member,
    }
