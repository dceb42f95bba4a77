"""`twelve333 unit`: the register of units, as the hub holds it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from ..api.registration.v1 import registration_pb2, service_pb2
from ..client import Connection, ServiceError
from ..core.coverage.declaring import check as check_declaration
from ..core.coverage.model import Declaration
from ..core.decision import Code, Kind, Refused, refuse
from ..core.registration.model import Unit, UnitStatus
from ..core.worktime.model import CHINA
from ..data import declarations_2013, units_2013
from ..schemas import text as schema_text
from ..wire.declarations import declaration_to_wire
from ..wire.registration import level_to_wire, unit_to_wire
from .common import PENDING, Asked, Common, InputFile, OptionalInput, connect, read_text, start_of
from .output import print_json, show, show_one
from .unit_document import differences, read_unit, unit_text
from .unit_file import parse_units

app = App(
    name="unit",
    help="The register of units: list, import, open, suspend, close. Ask the hub, so use an operator's or a node's hub profile.",
)
IMPORT_SOURCE = Code("CLI_UNIT_IMPORT_SOURCE", Kind.INVALID)
WAITED_IN_VAIN = Code("CLI_UNIT_WAITED_IN_VAIN", Kind.TIMED_OUT)
WAIT_POLL_SECONDS: Final = 1.0  # the register is asked; it does not call
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


@app.command
async def template(code: str, *, common: Common = Common()) -> None:
    """Print a unit's file to begin with: what it declared so far, or what is usual.

    Args:
        code: GB/T 2260 code, e.g. 230100. `twelve333 unit template 230100 > unit.yaml`
    """
    async with connect(common) as hub:
        unit, declaration = await hub.registration.get_entry(code)
    sys.stdout.write(unit_text(unit, declaration))


@app.command
def check(*, file: InputFile, common: Common = Common()) -> None:
    """Check a unit's file without asking anybody; the hub checks the whole country besides when it is applied.

    Args:
        file: YAML, see `schema`; `-` reads standard input.
    """
    unit, declaration = read_unit(file)
    refusal = check_declaration(declaration, unit.code, {*declaration.fallbacks} - {unit.code})
    if refusal:
        raise Refused(refusal)
    show_one({"unit": unit.code, "name": unit.name, "next": f"twelve333 unit apply -f {file}"}, as_json=common.json)


@app.command
async def apply(*, file: InputFile, dry_run: bool = False, common: Common = Common()) -> int:
    """Have the register say what the file says; the same again changes nothing.

    Args:
        file: YAML, see `schema`; `-` reads standard input.
        dry_run: only show what would change; 8 if anything would.
    """
    unit, declaration = read_unit(file)
    async with connect(common) as hub:
        was, before = await _known(hub, unit)
        unit = replace(unit, status=was.status, member=was.member)
        changed = [dict(zip(("field", "before", "after"), each, strict=True)) for each in differences(before, declaration, unit, was)]
        if not common.json:
            show(changed, ("field", "before", "after"), as_json=False, title=unit.code)
        if dry_run:
            print_json({"unit": unit.code, "changes": changed}) if common.json else None
            return PENDING if changed else 0
        entered = registration_pb2.Unit(code=unit.code, name=unit.name, level=level_to_wire(unit.level), with_system=unit.with_system)
        entry = service_pb2.UnitEntry(unit=entered, declaration=declaration_to_wire(declaration))
        _, version = await hub.registration.register_units([entry])
        now = await hub.registration.get_unit(unit.code)
    show_one({**_row(now), "changes": changed if common.json else len(changed), "directory_version": version}, as_json=common.json)
    return 0


@app.command
async def wait(
    code: str,
    *,
    until: Annotated[UnitStatus, Parameter(name="--for")] = UnitStatus.OPEN,
    timeout: timedelta = timedelta(minutes=10),
    asked: Asked = Asked(),
) -> int:
    """Wait until a unit is in a state; 3 if it is not in time.

    Args:
        code: GB/T 2260 code, e.g. 350100.
        until: the state to wait for.
        timeout: how long to wait at most, e.g. 90s, 10m, 2h.
    """
    deadline = asyncio.get_running_loop().time() + timeout.total_seconds()
    async with connect(asked) as hub:
        while (unit := await hub.registration.get_unit(code)).status is not until:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                raise Refused(refuse(WAITED_IN_VAIN, code=code, status=unit.status.value, until=until.value, within=timeout))
            await asyncio.sleep(min(WAIT_POLL_SECONDS, left))
    show_one(_row(unit), as_json=asked.json)
    return 0


@app.command(name="schema")
def print_schema() -> None:
    """Print the JSON Schema of a unit's file, for editors."""
    sys.stdout.write(schema_text("unit"))


@app.command(name="import")
async def import_units(
    file: OptionalInput = None,
    *,
    sample: Annotated[Literal["2013"] | None, Parameter()] = None,
    since: date | None = None,
    common: Common = Common(),
) -> None:
    """Enter many units at once, all of them or none; those already there are changed.

    Args:
        file: CSV with unit_code, unit_name, level and more (see docs/operations.md); `-` reads standard input.
        sample: instead of a file, the national table of the end of 2013 that comes with the program.
        since: the day from which they stand so, for a register that is taken over (the ministry only), e.g. 2013-12-31.
    """
    if (file is None) == (sample is None):
        raise Refused(refuse(IMPORT_SOURCE))
    entries = parse_units(read_text(file), str(file)) if file else sample_entries()
    async with connect(common) as hub:
        changed, version = await hub.registration.register_units(entries, since=start_of(since))
    show_one({"units": len(entries), "changed": changed, "directory_version": version}, as_json=common.json)


@app.command
async def plan(
    code: str,
    *,
    on: date,
    status: UnitStatus = UnitStatus.OPEN,
    with_system: bool = False,
    common: Common = Common(),
) -> None:
    """Write down what a unit intends; `twelve333 coverage --as-of` of a later day counts it.

    Args:
        code: GB/T 2260 code, e.g. 230200.
        on: the day, e.g. 2014-09-01.
        status: the state it is to have.
        with_system: whether it will use a consulting system then.
    """
    async with connect(common) as hub:
        await hub.registration.plan_unit(code, status, datetime.combine(on, time(), CHINA), with_system=with_system)
    show_one({"code": code, "status": status.value, "with_system": with_system, "on": on.isoformat()}, as_json=common.json)


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


async def _known(hub: Connection, unit: Unit) -> tuple[Unit, Declaration | None]:
    """The unit as it is registered; one that is not yet is taken as planned."""
    try:
        return await hub.registration.get_entry(unit.code)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            return replace(unit, status=UnitStatus.PLANNED), None
        raise


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
