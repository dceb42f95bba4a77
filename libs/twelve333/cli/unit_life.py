"""`twelve333 unit open|approve|…`: the steps of a unit's life, with proofs and approvals."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated

from cyclopts import Parameter

from ..core.decision import Refused, refuse
from ..core.ids import province_of
from ..core.registration.codes import MOVE_TO
from ..core.registration.life import Stage, StepState
from .common import PENDING, Common, OptionalInputFile, connect
from .life_policy import life_policy_text, life_policy_values, read_life_policy
from .output import print_json, show, show_one
from .unit import app
from .unit_rows import EVIDENCE_COLUMNS, STEP_COLUMNS, life_values, taken_values


@app.command(name="show")
async def show_unit(code: str, *, common: Common = Common()) -> None:
    """Show one unit: where it stands, each step with its proofs and approvals, what is on record, what comes next.

    Args:
        code: GB/T 2260 code, e.g. 350100.
    """
    async with connect(common) as service:
        values = life_values(await service.lives.get(code))
    if common.json:
        print_json(values)
        return
    steps, evidence = values.pop("steps"), values.pop("evidence")
    show_one(values, as_json=False)
    show(steps, STEP_COLUMNS, as_json=False, title="steps")
    show(evidence, EVIDENCE_COLUMNS, as_json=False, title="evidence")


@app.command(name="open")
async def open_unit(code: str, *, common: Common = Common()) -> int:
    """Let a unit answer callers: the first time with the proofs and approvals that the ministry asks for, 8 while one is due; at once
    after a suspension."""
    return await _ask(code, Stage.OPEN, common)


@app.command
async def suspend(code: str, *, common: Common = Common()) -> int:
    """Take a unit out for a time; its calls go to its parent, then to neighbours by agreement."""
    return await _ask(code, Stage.SUSPENDED, common)


@app.command
async def close(code: str, *, common: Common = Common()) -> int:
    """End a unit for good."""
    return await _ask(code, Stage.CLOSED, common)


@app.command(name="with-system")
async def with_system(code: str, *, no: Annotated[bool, Parameter(negative="")] = False, common: Common = Common()) -> int:
    """Say that an open unit uses a consulting system, which is counted apart; 8 while an approval is due.

    Args:
        code: GB/T 2260 code, e.g. 350100.
        no: that it does not any more.
    """
    return await _ask(code, Stage.WITHOUT_SYSTEM if no else Stage.WITH_SYSTEM, common)


@app.command
async def move(code: str, *, to: str, common: Common = Common()) -> int:
    """Have a unit served by a node of its own, or by its province's again; 8 until the province has approved.

    Who is to serve asks, and so agrees: the unit's own node (its operator's profile) for `--to` its code, the province for `--to` the
    province's, which needs nobody else. Declarations stay, calls and cases follow within seconds.

    Args:
        code: GB/T 2260 code, e.g. 350200.
        to: the member that is to serve it: the same code, or that of its province.
    """
    stages = {code: Stage.OWN_NODE, province_of(code): Stage.PROVINCE_NODE}
    if to not in stages:
        raise Refused(refuse(MOVE_TO, code=code, province=province_of(code)))
    return await _ask(code, stages[to], common)


@app.command
async def approve(code: str, *, common: Common = Common()) -> int:
    """Approve what a unit waits for: the province first (a node's operator), then the ministry (the hub's); 8 while the other is due."""
    return await _decide(code, common, approve=True)


@app.command
async def reject(code: str, *, reason: str, common: Common = Common()) -> int:
    """Say no to what a unit waits for; it stays where it is, and may ask again.

    Args:
        code: GB/T 2260 code, e.g. 350100.
        reason: why, nothing personal.
    """
    return await _decide(code, common, approve=False, reason=reason)


@app.command
async def cancel(code: str, *, on: date | None = None, common: Common = Common()) -> None:
    """Take back what a unit declared for days to come (`in_force_from` in its file); what is in force stays.

    Args:
        code: GB/T 2260 code, e.g. 350100.
        on: only what was to hold from that day.
    """
    async with connect(common) as hub:
        cancelled, version = await hub.lives.cancel_upcoming(code, on)
    after = f"twelve333 unit show {code}"
    show_one({"code": code, "cancelled": cancelled, "directory_version": version, "next": after}, as_json=common.json)


@app.command
async def policy(*, file: OptionalInputFile = None, common: Common = Common()) -> None:
    """Show which proofs and approvals each step needs, or set it (the ministry).

    Args:
        file: YAML as this command prints it; `-` reads standard input. Shows what holds if absent.
    """
    wanted = read_life_policy(file) if file else None
    async with connect(common) as service:
        held = await service.lives.set_policy(wanted) if wanted else await service.lives.policy()
    print_json(life_policy_values(held)) if common.json else sys.stdout.write(life_policy_text(held))


async def _ask(code: str, stage: Stage, common: Common) -> int:
    async with connect(common) as service:
        taken = await service.lives.ask(code, stage)
    show_one(taken_values(taken), as_json=common.json)
    return PENDING if taken.step.state is StepState.PENDING else 0


async def _decide(code: str, common: Common, *, approve: bool, reason: str = "") -> int:
    async with connect(common) as service:
        taken = await service.lives.decide(code, approve=approve, reason=reason)
    show_one(taken_values(taken), as_json=common.json)
    return PENDING if taken.step.state is StepState.PENDING else 0
