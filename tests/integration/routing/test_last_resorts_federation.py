"""A caller whom nobody could take is called back, over real processes: his unit's node, hub and broker away when he asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.canaries import hits
from tests.support.federation import cli, one_federation

from twelve333.cli.demo.federation import READY_SECONDS, Federation

JIUJIANG, SHANGHAI = "360400", "310000"
NUMBER, QUESTION = "+8613911112222", "甄回拨问工资何时发"
WITHIN_SECONDS, POLL_SECONDS = 40.0, 0.1

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


async def typed(federation: Federation, province: str, *words: object) -> Any:
    """What a command at a desk of a province came to: its exit code, and what it printed as JSON."""
    profile = federation.nodes[province].folder / "profiles" / "desk-1"
    answer = await asyncio.to_thread(cli, *words, "--json", profile=profile)
    return answer.code, json.loads(answer.out or answer.err)


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not (answer := await true()):
            await asyncio.sleep(POLL_SECONDS)
    return answer


async def test_a_caller_is_called_back_by_a_unit_that_was_away_with_hub_and_broker_away_too(federation: Federation, tmp_path: Path) -> None:
    node, number, context = federation.nodes[SHANGHAI], tmp_path / "number", tmp_path / "context"
    number.write_text(NUMBER + "\n", encoding="utf-8")
    context.write_text(f"question: {QUESTION}\n", encoding="utf-8")
    await federation.stop_hub_and_broker()
    await node.process.stop()
    try:
        words = ["handoff", "place", "--from", JIUJIANG, "--region", SHANGHAI, "--id", "back-1", "--context-file", context]
        code, placed = await typed(federation, "360000", *words)
        assert (code, placed["last_resort"]) == (5, {"kind": "voicemail", "unit": SHANGHAI})
        code, settled = await typed(federation, "360000", "callback", "ask", "back-1", "--number-file", number)
        assert (code, settled["state"], settled["reason"]) == (0, "settled", "ROUTING_SETTLED_BY_CALLBACK")
    finally:
        await node.process.start(node.ready, within_seconds=READY_SECONDS)

    async def waits() -> Any:
        return [row for row in (await typed(federation, SHANGHAI, "callback", "list", SHANGHAI))[1] if row["id"] == "back-1"]

    try:
        [row] = await until(waits)
        assert (row["state"], row["from_unit"]) == ("waiting", JIUJIANG)
        code, taken = await typed(federation, SHANGHAI, "callback", "take", SHANGHAI)
        assert (taken["id"], taken["number"], taken["context"]) == ("back-1", NUMBER, {"question": QUESTION})
        code, missed = await typed(federation, SHANGHAI, "callback", "missed", "back-1")
        assert (missed["state"], missed["misses"]) == ("waiting", 1)
        assert (await typed(federation, SHANGHAI, "callback", "take", SHANGHAI))[1]["error"]["code"] == "ROUTING_CALLBACK_NONE"
        assert (await typed(federation, SHANGHAI, "callback", "done", "back-1"))[0] == 1
    finally:
        await federation.restart_hub_and_broker()
    assert hits(federation.folder, [NUMBER, QUESTION]) == [], "what a caller left is readable on disk"


async def test_a_case_is_written_for_a_caller_from_the_command_line(federation: Federation) -> None:
    words = ["handoff", "place", "--from", JIUJIANG, "--region", "230300", "--id", "case-1"]
    code, placed = await typed(federation, "360000", *words)
    assert (code, placed["last_resort"]["kind"]) == (5, "case")
    code, settled = await typed(federation, "360000", "callback", "case", "case-1")
    assert (code, settled["state"]) == (0, "settled")
    code, case = await typed(federation, "360000", "case", "show", "case-1")
    assert (code, case["state"]) == (0, "open")
    code, refused = await typed(federation, "360000", "callback", "message", "case-1", "--recording", "vm:1", "--sha256", "00" * 32)
    assert (code, refused["error"]["code"]) == (1, "ROUTING_LAST_RESORT_OTHER")
