"""Cases over real processes: hub, nodes and broker, mutual TLS, NATS, and the command line as a consultant types it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.federation import one_federation

from twelve333.cli.demo.federation import Federation
from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import Case, State

NANJING, SHANGHAI, FUZHOU = "320100", "310000", "350100"
WITHIN_SECONDS = 20.0
POLL_SECONDS = 0.05

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


async def _until(true: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until the answer is true."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while not (answer := await true()):
            await asyncio.sleep(POLL_SECONDS)
    return answer


async def _seen(connection: Connection, case_id: str, version: int) -> Case | None:
    """The case at a member, once it has taken that many steps there."""
    async with connection as member:
        try:
            case = await member.cases.get(case_id)
        except ServiceError as error:
            if error.code != "CASES_NOT_FOUND":
                raise
            return None
    return case if case.version >= version else None


def _desk(federation: Federation, province: str) -> Connection:
    node = federation.nodes[province]
    return node.connect(node.folder / "profiles" / "desk-1")


async def _case(federation: Federation, province: str, words: list[str], text: str = "") -> tuple[int, Any, str]:
    """Type one `twelve333 case` command at a province's desk: exit code, JSON, standard error."""
    profile = federation.nodes[province].folder / "profiles" / "desk-1"
    return await _type(["case", *words, "--json", "--profile", str(profile)], text)


async def _type(words: list[str], text: str = "") -> tuple[int, Any, str]:
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "twelve333.cli", *words, **pipes)
    async with asyncio.timeout(WITHIN_SECONDS):
        out, complaint = await child.communicate(text.encode())
    return child.returncode or 0, json.loads(out) if out else None, complaint.decode()


async def test_unpaid_wages_told_in_nanjing_are_answered_in_shanghai_and_closed_in_nanjing(federation: Federation, tmp_path: Path) -> None:
    words = ["open", "--unit", NANJING, "--topic", "0301", "--region", SHANGHAI, "--id", "wages-1", "--summary-file", "-"]
    code, opened, complaint = await _case(federation, "320000", words, "三个月工资未发，用人单位在上海")
    assert (code, complaint) == (0, "")
    assert (opened["state"], opened["owner_unit"]) == ("open", NANJING)
    code, offered, _ = await _case(federation, "320000", ["transfer", "wages-1", SHANGHAI])
    assert (code, offered["state"], offered["owner_unit"], offered["offered_to_unit"]) == (0, "offered", NANJING, SHANGHAI)
    await _until(lambda: _seen(_desk(federation, "310000"), "wages-1", 2))
    code, accepted, _ = await _case(federation, "310000", ["accept", "wages-1"])
    assert (code, accepted["owner_unit"], accepted["owner_epoch"]) == (0, SHANGHAI, 2)
    answer = tmp_path / "answer.txt"
    answer.write_text("已责令支付", encoding="utf-8")
    assert (await _case(federation, "310000", ["answer", "wages-1", "--answer-file", str(answer)]))[0] == 0
    code, _, complaint = await _case(federation, "310000", ["close", "wages-1"])
    assert (code, "CASES_UNIT_NOT_YOURS" in complaint) == (4, True)
    await _until(lambda: _seen(_desk(federation, "320000"), "wages-1", 4))
    code, _, complaint = await _case(federation, "320000", ["close", "wages-1"])
    assert (code, "CASES_CALLER_NOT_TOLD" in complaint) == (1, True)
    assert (await _case(federation, "320000", ["tell", "wages-1"]))[0] == 0
    code, closed, _ = await _case(federation, "320000", ["close", "wages-1"])
    assert (code, closed["state"]) == (0, "closed")
    hub = await _until(lambda: _seen(federation.hub.connect(), "wages-1", 6))
    shanghai = await _until(lambda: _seen(_desk(federation, "310000"), "wages-1", 6))
    nanjing = await _seen(_desk(federation, "320000"), "wages-1", 6)
    assert nanjing == shanghai == hub
    assert [step.stamp.signed_by for step in hub.history] == ["desk-1"] * 6


async def test_a_refused_case_comes_back_with_the_reason_and_moves_on(federation: Federation) -> None:
    async with _desk(federation, "320000") as nanjing:
        case = await nanjing.cases.open(NANJING, topic="0301", region=FUZHOU, summary="a personnel file", case_id="file-1")
        again = await nanjing.cases.open(NANJING, topic="0301", region=FUZHOU, summary="a personnel file", case_id="file-1")
        assert again == case
        await nanjing.cases.transfer(case, FUZHOU)
    offered = await _until(lambda: _seen(_desk(federation, "350000"), "file-1", 2))
    async with _desk(federation, "350000") as fuzhou:
        with pytest.raises(ServiceError, match="CASES_REASON_MISSING"):
            await fuzhou.cases.refuse(offered, " ")
        await fuzhou.cases.refuse(offered, "the file went to Shanghai", step_id="no")
    back = await _until(lambda: _seen(_desk(federation, "320000"), "file-1", 3))
    assert (back.state, back.owner.unit, back.history[-1].reason) == (State.OPEN, NANJING, "the file went to Shanghai")
    async with _desk(federation, "320000") as nanjing:
        await nanjing.cases.transfer(back, SHANGHAI)
    offered = await _until(lambda: _seen(_desk(federation, "310000"), "file-1", 4))
    async with _desk(federation, "310000") as shanghai:
        taken = await shanghai.cases.accept(offered)
        with pytest.raises(ServiceError, match="CASES_EPOCH_STALE"):
            await shanghai.cases.answer(replace(taken, owner_epoch=offered.owner_epoch), "from an old view")
    hub = await _until(lambda: _seen(federation.hub.connect(), "file-1", 5))
    assert hub == taken == await _until(lambda: _seen(_desk(federation, "320000"), "file-1", 5))


async def test_a_case_goes_on_while_hub_and_broker_are_away(federation: Federation) -> None:
    await federation.stop_hub_and_broker()
    try:
        async with _desk(federation, "320000") as nanjing:
            case = await nanjing.cases.open(NANJING, topic="0301", region=SHANGHAI, summary="during the outage", case_id="dark-1")
            await nanjing.cases.transfer(case, SHANGHAI)
    finally:
        await federation.restart_hub_and_broker()
    offered = await _until(lambda: _seen(_desk(federation, "310000"), "dark-1", 2))
    hub = await _until(lambda: _seen(federation.hub.connect(), "dark-1", 2))
    assert hub == offered


async def test_the_hub_lists_cases_and_takes_no_step(federation: Federation) -> None:
    async with _desk(federation, "320000") as desk:
        opened = [await desk.cases.open(NANJING, topic="0301", region=SHANGHAI, summary="listed") for _ in range(3)]
    for case in opened:
        await _until(partial(_seen, federation.hub.connect(), case.case_id, 1))
    async with federation.hub.connect() as hub:
        page = await hub.cases.list(first_asked_unit=NANJING)
        assert {case.case_id for case in opened} <= {case.case_id for case in page.cases}
        assert [case.caller_due.at for case in page.cases] == sorted(case.caller_due.at for case in page.cases)
        assert sorted([case.case_id async for case in hub.cases.each(size=1)]) == sorted(case.case_id for case in page.cases)
        with pytest.raises(ServiceError, match="RPC_ROLE_DENIED"):
            await hub.cases.open(NANJING, topic="0301", region=SHANGHAI, summary="from above")


async def test_wrong_input_is_one_clear_sentence(federation: Federation, tmp_path: Path) -> None:
    code, _, complaint = await _case(federation, "320000", ["show", "no-such-case"])
    assert (code, "CASES_NOT_FOUND" in complaint) == (1, True)
    words = ["open", "--unit", SHANGHAI, "--topic", "0301", "--region", SHANGHAI, "--summary-file", "-"]
    code, _, complaint = await _case(federation, "320000", words, "not our unit")
    assert (code, "CASES_UNIT_NOT_YOURS" in complaint) == (4, True)
    code, _, complaint = await _case(federation, "320000", ["list", "--owner", "12"])
    assert (code, "COMMON_UNIT_CODE_MALFORMED" in complaint) == (2, True)
    missing = str(tmp_path / "missing.txt")
    code, _, complaint = await _case(
        federation, "320000", ["open", "--unit", NANJING, "--topic", "1", "--region", NANJING, "--summary-file", missing]
    )
    assert (code, "CLI_FILE_UNREADABLE" in complaint) == (2, True)


async def test_nothing_personal_reaches_a_log(federation: Federation) -> None:
    logs = "".join(path.read_text(encoding="utf-8", errors="replace") for path in (federation.folder / "logs").iterdir())
    assert logs
    for words in ("三个月工资", "已责令支付", "personnel file", "went to Shanghai", "during the outage"):
        assert words not in logs
