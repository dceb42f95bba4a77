"""`twelve333 unit`: the register of units, as the hub holds it."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from ..api.registration.v1 import registration_pb2, service_pb2
from ..catalogue.catalogue import sentence
from ..client import Connection, ServiceError
from ..core.coverage.dated import is_ahead
from ..core.coverage.declaring import check as check_declaration
from ..core.coverage.model import Declaration
from ..core.decision import Code, Kind, Refused, refuse
from ..core.registration.model import Unit, UnitStatus
from ..core.worktime.model import CHINA
from ..data import declarations_2013, units_2013
from ..schemas import text as schema_text
from ..wire.declarations import declaration_to_wire
from ..wire.registration import level_to_wire, unit_to_wire
from .common import PENDING, Asked, Common, InputFile, OptionalInput, connect, read_text, start_of, titled
from .output import print_json, show, show_one, warn
from .unit_document import differences, read_unit, unit_text, unit_values, unknown_topics
from .unit_file import parse_units
from .unit_rows import PENDING_COLUMNS, next_of, pending_values, unit_row

app = App(
    name="unit",
    help="The register of units, and their lives from plan to opening. Ask the hub with an operator's or a node's hub profile; "
    "show, list --pending, open, suspend, close, approve, reject also with a node operator's.",
)
IMPORT_SOURCE = Code("CLI_UNIT_IMPORT_SOURCE", Kind.INVALID)
WAITED_IN_VAIN = Code("CLI_UNIT_WAITED_IN_VAIN", Kind.TIMED_OUT)
WAIT_POLL_SECONDS: Final = 1.0  # the register is asked; it does not call
TABLE_ENCODINGS: Final = ("utf-8", "gb18030")  # the second is what a Chinese Excel writes
COLUMNS = ("code", "name", "province", "level", "status", "with_system", "member", "silent_since")


@app.command(name="list")
async def list_units(*, province: str = "", status: UnitStatus | None = None, pending: bool = False, common: Common = Common()) -> int:
    """List units in the order of their codes.

    Args:
        province: only those of this province, e.g. 350000.
        status: only those in this state.
        pending: the steps that wait for an approval instead; 8 if there are any. A node's operator may ask too.
    """
    async with connect(common) as service:
        if pending:
            waiting = await service.lives.pending(province)
            show(
                [pending_values(step) for step in waiting],
                PENDING_COLUMNS,
                as_json=common.json,
                title=titled("PENDING", common, count=len(waiting)),
            )
            return PENDING if waiting else 0
        units = await service.registration.list_units(province, status)
    show([unit_row(unit) for unit in units], COLUMNS, as_json=common.json, title=titled("UNITS", common, count=len(units)))
    return 0


@app.command
async def template(code: str, *, common: Common = Common()) -> None:
    """Print a unit's file to begin with: what it declared so far, or what is usual.

    Args:
        code: GB/T 2260 code, e.g. 230100. `twelve333 unit template 230100 > unit.yaml`
    """
    async with connect(common) as hub:
        unit, declaration = await hub.registration.get_entry(code)
    print_json(unit_values(unit, declaration)) if common.json else sys.stdout.write(unit_text(unit, declaration))


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
    unknown = unknown_topics(declaration)
    if unknown and not common.json:
        warn(sentence("CLI_UNIT_TOPICS_UNKNOWN", {"topics": ", ".join(unknown)}, common.language), loud=False)
    told = {"unit": unit.code, "name": unit.name, **({"unknown_topics": unknown} if unknown else {})}
    show_one({**told, "next": f"twelve333 unit apply -f {file}"}, as_json=common.json)


@app.command
async def apply(*, file: InputFile, dry_run: bool = False, common: Common = Common()) -> int:
    """Have the register say what the file says; the same again changes nothing. With `in_force_from` it holds from that day on, and until
    then what was declared before.

    Args:
        file: YAML, see `schema`; `-` reads standard input.
        dry_run: only show what would change, and have the hub prove that it may; 8 if anything would.
    """
    unit, declaration = read_unit(file)
    day = declaration.in_force_from.isoformat() if declaration.in_force_from and is_ahead(declaration, datetime.now(UTC)) else None
    async with connect(common) as hub:
        was, before = await _known(hub, unit, declaration)
        unit = replace(unit, status=was.status, member=was.member)
        changed = [dict(zip(("field", "before", "after"), each, strict=True)) for each in differences(before, declaration, unit, was)]
        if not common.json and changed:
            show(changed, ("field", "before", "after"), as_json=False, title=" ".join(filter(None, (unit.code, day))))
        told = {"changes": changed if common.json else len(changed), "in_force_from": day}
        entered = registration_pb2.Unit(code=unit.code, name=unit.name, level=level_to_wire(unit.level), with_system=unit.with_system)
        entry = service_pb2.UnitEntry(unit=entered, declaration=declaration_to_wire(declaration))
        if dry_run:
            await hub.registration.check_units([entry] if changed else [])
            after = f"twelve333 unit apply -f {file}" if changed else next_of(was)
            show_one({"unit": unit.code, **told, "next": after}, as_json=common.json)
            return PENDING if changed else 0
        _, version = await hub.registration.register_units([entry])
        now = await hub.registration.get_unit(unit.code)
    after = f"twelve333 unit show {unit.code}; twelve333 unit cancel {unit.code} --on {day}" if day else next_of(now)
    show_one({**unit_row(now), **told, "directory_version": version, "next": after}, as_json=common.json)
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
    show_one({**unit_row(unit), "next": next_of(unit)}, as_json=asked.json)
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
    dry_run: bool = False,
    common: Common = Common(),
) -> int:
    """Enter many units at once, all of them or none; those already there are changed.

    Args:
        file: CSV in UTF-8 or GB 18030 with unit_code, unit_name, level (province, prefecture, county) and, as wanted, status,
            with_system, voicemail (1 or 0), hours, seats, target, languages, topics, fallbacks, areas (lists with ;); `-` reads standard
            input.
        sample: instead of a file, the national table of the end of 2013 that comes with the program.
        since: the day from which they stand so, for a register that is taken over (the ministry only), e.g. 2013-12-31.
        dry_run: enter nothing; have the hub prove that it may, and say how many would change; 8 if any would.
    """
    if (file is None) == (sample is None):
        raise Refused(refuse(IMPORT_SOURCE))
    text = read_text(file, TABLE_ENCODINGS) if file else ""
    entries = parse_units(text, str(file)) if file else sample_entries()
    async with connect(common) as hub:
        if file:  # read again with what is known, once it is clear that all can be read
            known = {unit.code: unit.with_system for unit in await hub.registration.list_units()}
            entries = parse_units(text, str(file), known)
        if dry_run:
            changed = await hub.registration.check_units(entries, since=start_of(since))
            again = f"twelve333 unit import {file or f'--sample {sample}'}"
            show_one({"units": len(entries), "changed": changed, "next": again}, as_json=common.json)
            return PENDING if changed else 0
        changed, version = await hub.registration.register_units(entries, since=start_of(since))
    after = "twelve333 unit list --status registered"
    show_one({"units": len(entries), "changed": changed, "directory_version": version, "next": after}, as_json=common.json)
    return 0


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
    after = f"twelve333 coverage --as-of {on.isoformat()}"
    show_one({"code": code, "status": status.value, "with_system": with_system, "on": on.isoformat(), "next": after}, as_json=common.json)


def sample_entries() -> list[service_pb2.UnitEntry]:
    """The national table of the end of 2013 as it is registered; see `twelve333.data` for what is assumed in it."""
    declared = {declaration.unit: declaration_to_wire(declaration) for declaration in declarations_2013()}
    return [service_pb2.UnitEntry(unit=unit_to_wire(unit), declaration=declared.get(unit.code)) for unit in units_2013()]


async def _known(hub: Connection, unit: Unit, wanted: Declaration) -> tuple[Unit, Declaration | None]:
    """The unit as it is registered, with what it declares for the time of `wanted`; one that is not registered yet is taken as planned."""
    try:
        known, declared = await hub.registration.get_entry(unit.code)
        ahead = await hub.registration.get_upcoming(unit.code) if wanted.in_force_from else []
        by_then = [each for each in ahead if each.in_force_from and wanted.in_force_from and each.in_force_from <= wanted.in_force_from]
        return known, by_then[-1] if by_then else declared
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            return replace(unit, status=UnitStatus.PLANNED), None
        raise
