"""The case of the demo: unpaid wages told in 南京, the employer in 上海; closed only when 南京, asked first, has told the caller."""

from __future__ import annotations

from datetime import datetime

from ...client import Connection, ServiceError
from ...core.cases.model import Case, State
from ...core.decision import Code, Kind, Refused, refuse
from ...core.worktime.model import CHINA
from .stage import Stage, until

NANJING, SHANGHAI = "320100", "310000"
WAGES = "0601"
NOT_REFUSED = Code("DEMO_NOT_REFUSED", Kind.CONFLICT)


async def move_a_case(stage: Stage) -> None:
    """Open, transfer, accept, answer, tell, close; each step at the node whose turn it is."""
    stage.tell.section("DEMO_CASE")
    nodes = stage.federation.nodes
    async with nodes["320000"].connect() as jiangsu, nodes["310000"].connect() as shanghai:
        case = await jiangsu.cases.open(NANJING, topic=WAGES, region=SHANGHAI, summary="工资拖欠三个月，用人单位在上海")
        _say(stage, NANJING, "OPENED", case)
        stage.tell.say("DEMO_CASE_DUE", caller_due=_day(case.caller_due.at), owner_due=_day(case.owner_due.at))
        _say(stage, NANJING, "OFFERED", await jiangsu.cases.transfer(case, SHANGHAI))
        offered = await reached(shanghai, case.case_id, State.OFFERED)
        accepted = await shanghai.cases.accept(offered)
        _say(stage, SHANGHAI, "ACCEPTED", accepted)
        _say(stage, SHANGHAI, "ANSWERED", await shanghai.cases.answer(accepted, "已责令用人单位限期支付，预计十日内到账"))
        answered = await reached(jiangsu, case.case_id, State.ANSWERED)
        await _close_too_early(stage, jiangsu, answered)
        told = await jiangsu.cases.tell_caller(answered)
        _say(stage, NANJING, "TOLD", told)
        closed = await jiangsu.cases.close(told)
        _say(stage, NANJING, "CLOSED", closed)
        await _compare(stage, shanghai, closed)


async def reached(connection: Connection, case_id: str, state: State) -> Case:
    """Wait until this member knows the case to be in `state`, and return it."""
    found: list[Case] = []

    async def holds() -> bool:
        try:
            case = await connection.cases.get(case_id)
        except ServiceError as error:
            if error.kind is Kind.NOT_FOUND:
                return False
            raise
        found.append(case)
        return case.state is state

    await until(f"case {state.value}", holds)
    return found[-1]


async def _close_too_early(stage: Stage, jiangsu: Connection, case: Case) -> None:
    """The rule that matters most to a caller, tried for real."""
    try:
        await jiangsu.cases.close(case)
    except ServiceError as error:
        stage.tell.say("DEMO_CASE_TOO_EARLY", sentence=error.sentence)
        return
    raise Refused(refuse(NOT_REFUSED))


async def _compare(stage: Stage, shanghai: Connection, closed: Case) -> None:
    """The same history at both nodes and at the hub."""
    elsewhere = await reached(shanghai, closed.case_id, State.CLOSED)
    async with stage.federation.hub.connect() as hub:
        at_hub = await reached(hub, closed.case_id, State.CLOSED)
    if elsewhere.history == closed.history == at_hub.history:
        stage.tell.say("DEMO_CASE_REPLICAS", steps=len(closed.history))


def _say(stage: Stage, actor: str, step: str, case: Case) -> None:
    text, to = stage.tell.text, stage.name(case.pending.to.unit) if case.pending else ""
    words = {"actor": stage.name(actor), "step": text(f"CASES_STEP_{step}", unit=to), "owner": stage.name(case.owner.unit)}
    stage.tell.say("DEMO_CASE_STEP", **words, epoch=case.owner_epoch)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA):%Y-%m-%d %H:%M}"
