"""Consultants' desktops against real processes: the example as a developer runs it, a node that is restarted, hub and broker away."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.federation import Answer, cli, one_federation

from twelve333.cli.demo.federation import READY_SECONDS, Federation
from twelve333.client import Connection
from twelve333.client.handoffs import HandoffView
from twelve333.core.coverage.model import Verdict
from twelve333.core.routing.machine import HandoffState

JIUJIANG, NANCHANG, FUZHOU = "360400", "360100", "350100"
WITHIN_SECONDS, POLL_SECONDS = 40.0, 0.3
EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "desktop.py"

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


@dataclass
class Desktop:
    """The example, running."""

    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)

    async def type(self, *words: str) -> None:
        """Type a line."""
        assert self.process.stdin
        self.process.stdin.write((" ".join(words) + "\n").encode())
        await self.process.stdin.drain()

    async def says(self, *words: str) -> list[str]:
        """Wait for a line in which these words are columns; the columns."""
        assert self.process.stdout
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                line = (await self.process.stdout.readline()).decode().rstrip("\n")
                assert line or not self.process.stdout.at_eof(), self.said
                self.said.append(line)
                if set(words) <= set(columns := line.split("\t")):
                    return columns


@asynccontextmanager
async def desktop(federation: Federation, province: str, *units: str) -> AsyncIterator[Desktop]:
    profile = federation.nodes[province].folder / "profiles" / "desk-1"
    pipe, env = asyncio.subprocess.PIPE, {**os.environ, "PYTHONUTF8": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), str(profile), *units, stdin=pipe, stdout=pipe, env=env
    )  # fmt: skip
    try:
        yield Desktop(process)
        assert process.stdin
        process.stdin.close()
        async with asyncio.timeout(WITHIN_SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def desk(federation: Federation, province: str) -> Connection:
    node = federation.nodes[province]
    return node.connect(node.folder / "profiles" / "desk-1")


async def next_of(views: AsyncIterator[HandoffView], name: str, state: HandoffState) -> HandoffView:
    """The change with which the handoff `name` reaches a state."""
    async with asyncio.timeout(WITHIN_SECONDS):
        async for view in views:
            if (view.handoff.call.id, view.handoff.state) == (name, state):
                return view
    raise AssertionError("the stream ended")


async def taken_by_fuzhou(origin: Connection) -> HandoffView:
    """Place a call until 福州 has it: right after a restart, on a busy machine, its node may be left alone for some seconds."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            placed = await origin.handoffs.place(JIUJIANG, FUZHOU, context={"question": "restarted?"})
            if placed.handoff.unit == FUZHOU and placed.handoff.state is HandoffState.ACCEPTED:
                return placed
            await origin.handoffs.returned(placed.handoff.call.id, "TEST_AGAIN")
            await asyncio.sleep(POLL_SECONDS)


async def typed(federation: Federation, *words: str) -> Answer:
    """What the consultant at 江西 types besides, while everything else goes on."""
    return await asyncio.to_thread(cli, *words, profile=federation.nodes["360000"].folder / "profiles" / "desk-1")


async def test_the_example_takes_a_call_with_its_context_and_gives_another_back(federation: Federation) -> None:
    async with desktop(federation, "360000", JIUJIANG) as origin, desktop(federation, "350000", FUZHOU) as there:
        await origin.type("place", JIUJIANG, FUZHOU, "where is the file kept?")
        name = (await there.says("rings", f"from {JIUJIANG}"))[0]
        await there.type("take", name)
        assert (await there.says(name, "accepted", "where is the file kept?"))[0] == name
        await origin.type("conference", name)
        await there.says(name, "conference")
        await origin.type("connected", name)
        await there.says(name, "connected")
        await there.type("completed", name)
        await origin.says(name, "completed", f"to {FUZHOU}")

        await origin.type("place", JIUJIANG, FUZHOU, "and this one?")
        second = (await there.says("rings", f"from {JIUJIANG}"))[0]
        await there.type("refuse", second, "WRONG_TOPIC")
        await origin.says(second, "returned", "WRONG_TOPIC", "left to try: 350000", "and this one?")
        await origin.type("again", second)
        third = (await origin.says("to 350000", "accepted"))[0]
        await origin.type("refuse", third, "TEST_OVER")
        await origin.says(third, "returned", "TEST_OVER", "left to try: nobody", "and this one?")
        again = await typed(federation, "handoff", "again", second, "--json")
        assert (again.code, json.loads(again.out)["unit"]) == (0, "350000")
        await typed(federation, "handoff", "return", json.loads(again.out)["id"], "--reason", "TEST_OVER")
        shown = await typed(federation, "handoff", "show", second)
        assert "Not asked yet: 350000. To hand it on again: `twelve333 handoff again " in shown.out, shown.out
        assert "question: and this one?" in shown.out and "What the caller told is kept until " in shown.out
        await origin.type("take", "nobody")
        while "ROUTING_HANDOFF_UNKNOWN" not in (await origin.says())[0]:
            pass  # it tells of the calls that were typed beside it


async def test_a_call_that_goes_on_never_comes_back_to_where_it_was_and_each_node_proves_where_that_is(federation: Federation) -> None:
    async with desk(federation, "360000") as jiangxi, desk(federation, "350000") as fujian:
        first = await jiangxi.handoffs.place(JIUJIANG, FUZHOU)
        second = await fujian.handoffs.place(FUZHOU, JIUJIANG, after=first.handoff.call.id)
        assert second.handoff.route is not None
        assert [(each.unit, each.verdict) for each in second.handoff.route.candidates[:2]] == [
            (JIUJIANG, Verdict.LOOP),
            ("360000", Verdict.CHOSEN),
        ]
        assert (second.handoff.unit, second.handoff.call.visited) == ("360000", (JIUJIANG, FUZHOU))
        third = await jiangxi.handoffs.place("360000", FUZHOU, after=second.handoff.call.id)
        assert (third.handoff.unit, third.handoff.call.visited) == ("350000", (JIUJIANG, FUZHOU, "360000"))
        assert {view.handoff.call.first_asked for view in (first, second, third)} == {JIUJIANG}
        there = await fujian.handoffs.get(third.handoff.call.id)  # each side has it on record, also as the one that accepted
        assert (there.incoming, there.handoff.call.first_asked, there.handoff.from_unit) == (True, JIUJIANG, "360000")
        for node, view in ((jiangxi, first), (fujian, second), (jiangxi, third)):
            await node.handoffs.returned(view.handoff.call.id, "TEST_OVER")


async def test_a_desktop_loses_no_offer_while_its_node_restarts_and_the_origin_hears_of_it_with_hub_and_broker_away(
    federation: Federation,
) -> None:
    node = federation.nodes["350000"]
    async with AsyncExitStack() as stack:
        origin, there = [await stack.enter_async_context(desk(federation, province)) for province in ("360000", "350000")]
        offers = await stack.enter_async_context(aclosing(there.desk.offers([FUZHOU])))
        mine = await stack.enter_async_context(aclosing(origin.desk.watch([NANCHANG])))
        placed = await origin.handoffs.place(JIUJIANG, FUZHOU, context={"question": "?"})
        async with asyncio.timeout(WITHIN_SECONDS):
            assert (await anext(offers)).handoff.call.id == placed.handoff.call.id
        await origin.handoffs.connected(placed.handoff.call.id)
        await federation.stop_hub_and_broker()
        try:
            await node.process.stop()
            await node.process.start(node.ready, within_seconds=READY_SECONDS)
            second = await taken_by_fuzhou(origin)
            async with asyncio.timeout(WITHIN_SECONDS):
                ringing = await anext(offers)
            assert ringing.handoff.call.id == second.handoff.call.id
            taken = await there.desk.take(second.handoff.call.id)
            assert (taken.context, taken.taken_by) == ({"question": "restarted?"}, "desk-1")
            await there.handoffs.returned(second.handoff.call.id, "NO_LINE")
            back = await next_of(mine, second.handoff.call.id, HandoffState.RETURNED)
            assert back.handoff.reason == "NO_LINE"
            # What was taken before the restart is still theirs to end.
            await there.handoffs.completed(placed.handoff.call.id)
            await next_of(mine, placed.handoff.call.id, HandoffState.COMPLETED)
        finally:
            await federation.restart_hub_and_broker()
