"""Room at other provinces' units and the books of calls, as a person reads them on the command line of real nodes."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.federation import Answer, cli, one_federation

from twelve333.adapters.runner import Background
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import until
from twelve333.client import Connection
from twelve333.core.coverage.model import Verdict

JIUJIANG, XIAMEN = "360400", "350200"
TOPIC, GAPPED = "0801", "08"

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


@asynccontextmanager
async def telephones(node: Connection) -> AsyncIterator[None]:
    """The telephone system of 厦门, which says each second that it admits no call about 08."""
    speaking = Background("telephones", lambda: node.queues.report(XIAMEN, free=5, admits={GAPPED: 0, "": 600}), 1.0)
    speaking.start()
    try:
        yield
    finally:
        await speaking.stop()
        await node.queues.report(XIAMEN, free=5)


async def typed(federation: Federation, profile: str, *words: str) -> Answer:
    """What a person at 江西 types, while everything else goes on."""
    return await asyncio.to_thread(cli, *words, profile=federation.nodes["360000"].folder / "profiles" / profile)


async def test_an_explanation_says_what_was_promised_and_what_is_not_admitted(federation: Federation) -> None:
    there, here = (federation.nodes[each].connect(federation.nodes[each].folder / "profiles" / "desk-1") for each in ("350000", "360000"))
    async with there, here:
        placed = await here.handoffs.place(JIUJIANG, XIAMEN)
        async with telephones(there):

            async def known() -> bool:
                held = any(shown.unit == XIAMEN for shown in (await here.queues.overview()).slots)
                return held and (await here.routing.explain(XIAMEN, topic=TOPIC)).candidates[0].verdict is Verdict.RATE

            await until("slots and a gap", known)
            about, other = await asyncio.gather(
                typed(federation, "desk-1", "route", "explain", XIAMEN, "--topic", TOPIC),
                typed(federation, "desk-1", "route", "explain", XIAMEN, "--topic", "01"),
            )
        await here.handoffs.returned(placed.handoff.call.id, "TEST_OVER")
    for answer in (about, other):
        assert (answer.code, answer.err) == (0, "")
        assert f"{XIAMEN} (350000) promised this node room for " in answer.out
        assert f"{XIAMEN} (350000) told of 5 free and 0 waiting" in answer.out
    gap = f"{XIAMEN} (350000) admits no further usual call of this node about this before "
    assert (gap in about.out, gap in other.out) == (True, False)


async def test_what_a_units_file_keeps_for_priority_calls_is_kept_by_the_others(federation: Federation, tmp_path: Path) -> None:
    file, hub = tmp_path / "unit.yaml", federation.hub.folder / "profiles" / "operator"

    async def applied(pct: int) -> Answer:
        text = (await asyncio.to_thread(cli, "unit", "template", XIAMEN, profile=hub)).out
        file.write_text(re.sub(r"reserved_pct: \d+", f"reserved_pct: {pct}", text), encoding="utf-8")
        return await asyncio.to_thread(cli, "unit", "apply", "-f", file, profile=hub)

    wrong = await applied(200)
    assert (wrong.code, "reserved_pct" in wrong.err, "0 to 100" in wrong.err) == (2, True, True), wrong.err
    assert (await applied(10)).code == 0
    shown = await asyncio.to_thread(cli, "unit", "show", XIAMEN, "--json", profile=hub)
    assert json.loads(shown.out)["reserved_pct"] == 10
    there = federation.nodes["350000"].connect(federation.nodes["350000"].folder / "profiles" / "desk-1")
    async with there, telephones(there):

        async def kept() -> bool:
            listed = json.loads((await typed(federation, "desk-1", "queue", "list", "--json")).out)
            rates = [it for it in listed["admitted_of_us"] if it["unit"] == XIAMEN and it["topic"] == "*"]
            return any(it["priority"] == pytest.approx(it["per_minute"] / 10, abs=0.02) for it in rates)

        await until("a tenth is kept", kept)
    assert (await applied(20)).code == 0


async def came(federation: Federation) -> dict[str, int]:
    """How many calls the node in 江西 has in its books, by direction."""
    async with federation.nodes["360000"].connect() as node:
        return {each.direction.value: each.came for each in (await node.registration.node_status()).calls}


async def test_a_nodes_status_ends_with_the_books_of_its_calls(federation: Federation) -> None:
    before = await came(federation)
    answer = await typed(federation, "operator", "node", "status")
    after = await came(federation)  # calls of tests before this one may still come in
    assert answer.code == 0
    lines = [line.strip() for line in answer.out.splitlines()]
    assert "calls of the last day" in lines, answer.out
    table = [line.replace("┃", "│") for line in lines[lines.index("calls of the last day") :]]
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in table if line.startswith("│")]
    assert rows[0] == ["direction", "came", "placing", "waiting", "talking", "ended", "failed", "missing"]
    assert {row[0] for row in rows[1:]} == {"outgoing", "incoming"}
    for direction, shown, *_, missing in rows[1:]:
        assert before[direction] <= int(shown) <= after[direction] and int(missing) == 0
