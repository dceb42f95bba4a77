"""Between two nodes: a member that did not answer is asked beside the calls before a call goes to it again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.two_nodes import Nodes, two_nodes

from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.testing.directory import a_declaration

HERE, FUZHOU, JIUJIANG = "360000", "350100", "360400"
PAUSE = 2.0


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with two_nodes(tmp_path, [a_declaration(code, seats=9) for code in (FUZHOU, "350000", HERE, JIUJIANG)]) as opened:
        yield opened


async def place(nodes: Nodes, name: str) -> Handoff:
    return await nodes[HERE].parts.handoffs.place(Call(name, FUZHOU, topic="01"), JIUJIANG, ())


async def step(nodes: Nodes) -> None:
    """What the node does by itself every few seconds."""
    await nodes[HERE].parts.slots.step()


async def test_after_a_pause_no_call_waits_for_a_member_that_still_does_not_answer(nodes: Nodes) -> None:
    nodes.wire.cut = True
    await place(nodes, "h1")
    nodes.wire.asked.clear()
    await step(nodes)
    assert not nodes.wire.asked, "it is left alone"
    nodes.pass_time(PAUSE)
    assert (await place(nodes, "h2")).state is HandoffState.LAST_RESORT
    assert not nodes.wire.asked
    await step(nodes)
    assert nodes.wire.asked == ["RenewSlots"], "asked beside the calls"
    nodes.pass_time(PAUSE)
    await step(nodes)
    assert nodes.wire.asked == ["RenewSlots"], "left alone twice as long"


async def test_a_member_that_answers_beside_the_calls_gets_calls_again_at_once(nodes: Nodes) -> None:
    nodes.wire.cut = True
    await place(nodes, "h1")
    nodes.wire.cut = False
    nodes.pass_time(PAUSE)
    assert (await place(nodes, "h2")).state is HandoffState.LAST_RESORT
    await step(nodes)
    assert (await place(nodes, "h3")).state is HandoffState.ACCEPTED


async def test_where_nobody_asks_beside_the_calls_a_call_tries(nodes: Nodes) -> None:
    nodes.wire.cut = True
    await place(nodes, "h1")
    nodes.wire.cut = False
    nodes.pass_time(60)
    assert (await place(nodes, "h2")).state is HandoffState.ACCEPTED
