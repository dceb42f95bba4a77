"""Slots between two nodes: a call knows by itself where there is room, and what was promised ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.two_nodes import Nodes, two_nodes

from province_node.granting import Granting
from province_node.slots import KEPT_FOR
from province_node.store.routing import load_lease
from twelve333.core.coverage.model import Grant, SkillSeats, Verdict
from twelve333.core.routing.handoff import Handoff, bring_back
from twelve333.core.routing.model import Call
from twelve333.core.routing.slots import TERM, Line
from twelve333.testing.directory import a_declaration
from twelve333.wire.slots import Wanted

HERE, THERE, FUZHOU, FUJIAN, JIUJIANG = "360000", "350000", "350100", "350000", "360400"
QUIET = TERM.total_seconds() + 1  # so long a granter promises nothing when it cannot know what is out
SKILLS, KEPT = (SkillSeats("", "ug", 1),), (Grant(JIUJIANG, 2), Grant("440000", 1))


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    declared = [
        a_declaration(FUZHOU, seats=4, languages=("zh", "ug"), skills=SKILLS, grants=KEPT),
        *(a_declaration(code, seats=4, languages=("zh", "ug")) for code in (FUJIAN, HERE, JIUJIANG)),
    ]
    async with two_nodes(tmp_path, declared) as opened:
        yield opened


async def place(nodes: Nodes, name: str, language: str = "zh") -> Handoff:
    return await nodes[HERE].parts.handoffs.place(Call(name, FUZHOU, topic="01", language=language), JIUJIANG, ())


async def renew(nodes: Nodes) -> None:
    await nodes[HERE].parts.slots.step()


async def lines(nodes: Nodes) -> dict[str, tuple[int, int, int]]:
    await renew(nodes)
    shown = nodes[HERE].parts.slots.shown()
    return {line.part: (line.slots, line.used, line.open) for each in shown if each.unit == FUZHOU for line in each.lines}


async def after_the_quiet_term(nodes: Nodes) -> None:
    """The first promise of an epoch comes a term after it was first asked for."""
    await place(nodes, "h0")
    await renew(nodes)
    nodes.pass_time(QUIET)


async def test_nothing_is_promised_for_a_term_while_it_is_not_known_what_is_out(nodes: Nodes) -> None:
    await place(nodes, "h0")
    assert (await lines(nodes))["for 360400"] == (0, 1, 1)
    nodes.pass_time(QUIET)
    assert (await lines(nodes))["for 360400"] == (2, 1, 0)


async def test_a_node_started_again_knows_what_it_promised_and_goes_on_at_once(nodes: Nodes) -> None:
    await after_the_quiet_term(nodes)
    before = await lines(nodes)
    there = nodes[THERE]
    again = Granting(there.context, there.parts.view)
    shown = {line.part: (line.slots, line.used, line.open) for each in await again.promised() for line in each.lines}
    assert {part: what for part, what in before.items() if any(what[:2])} == shown
    _, promised = await again.promise(HERE, [Wanted(FUZHOU, {"for 360400": 1}, None)])
    assert Line("for 360400", 2, 1, 0) in promised[FUZHOU][1]


async def test_a_call_goes_past_a_unit_that_has_no_room_without_asking_it(nodes: Nodes) -> None:
    placed = [await place(nodes, f"h{number}") for number in range(2)]
    await renew(nodes)
    placed.append(await place(nodes, "h2"))
    assert [handoff.unit for handoff in placed] == [FUZHOU, FUZHOU, FUZHOU]
    await renew(nodes)
    nodes.wire.asked.clear()
    over = await place(nodes, "h3")
    assert over.route is not None
    assert [(each.unit, each.verdict) for each in over.route.candidates] == [(FUZHOU, Verdict.FULL), (FUJIAN, Verdict.CHOSEN)]
    assert (over.unit, nodes.wire.asked) == (FUJIAN, ["OfferHandoff"])
    assert over.route.observed.slots[FUZHOU].free == 1  # the seat that is left is kept for somebody else


async def test_a_call_that_needs_a_skill_goes_past_and_another_one_does_not(nodes: Nodes) -> None:
    assert (await place(nodes, "h0", "ug")).unit == FUZHOU
    await renew(nodes)
    assert (await place(nodes, "h1", "ug")).unit == FUJIAN
    assert (await place(nodes, "h2", "zh")).unit == FUZHOU


async def test_a_refusal_for_want_of_a_skill_keeps_no_other_call_away(nodes: Nodes) -> None:
    assert (await place(nodes, "h0", "ug")).unit == FUZHOU
    refused = await place(nodes, "h1", "ug")
    assert refused.steps[1].reason == "ROUTING_NO_SEAT_WITH_SKILL"
    assert (await place(nodes, "h2", "zh")).unit == FUZHOU


async def test_a_slot_in_hand_is_a_seat_and_the_acceptance_says_so(nodes: Nodes) -> None:
    await after_the_quiet_term(nodes)
    await renew(nodes)
    await place(nodes, "h1")
    there = nodes[THERE].context.database
    first, second = [await there.read(lambda tx, name=name: load_lease(tx, HERE, f"{name}.{FUZHOU}")) for name in ("h0", "h1")]
    assert first is not None and second is not None
    assert (first.slot, second.slot, second.pool) == (False, True, "for 360400")


async def test_what_is_freed_can_be_used_again_after_the_next_renewal(nodes: Nodes) -> None:
    for number in range(3):
        await place(nodes, f"h{number}")
    await renew(nodes)
    assert (await place(nodes, "h3")).unit == FUJIAN
    await nodes[HERE].parts.handoffs.record("h0", lambda handoff, now: bring_back(handoff, "TEST_OVER", now))
    await nodes[HERE].parts.handoffs.sweep()
    await settle(nodes)
    nodes.pass_time(1)
    await renew(nodes)
    assert (await place(nodes, "h4")).unit == FUZHOU


async def test_calls_that_come_back_at_once_use_no_slot_up(nodes: Nodes) -> None:
    await place(nodes, "h0")
    await renew(nodes)
    for number in range(1, 8):  # more than there are seats, one at a time, between two renewals
        assert (await place(nodes, f"h{number}")).unit == FUZHOU
        await nodes[HERE].parts.handoffs.record(f"h{number}", lambda handoff, now: bring_back(handoff, "NO_ANSWER", now))
        await nodes[HERE].parts.handoffs.sweep()
        await settle(nodes)


async def settle(nodes: Nodes) -> None:
    """Wait for the notice to the other node."""
    await asyncio.gather(*nodes[HERE].parts.errands._tasks)


async def test_without_an_answer_slots_end_within_a_term_and_the_call_is_offered_again(nodes: Nodes) -> None:
    for number in range(3):
        await place(nodes, f"h{number}")
    await renew(nodes)
    nodes.wire.cut = True
    await renew(nodes)
    assert (await place(nodes, "h3")).route.candidates[0].verdict is Verdict.FULL  # type: ignore[union-attr]
    nodes.pass_time(TERM.total_seconds())
    away = await place(nodes, "h4")
    assert away.steps[1].reason == "ROUTING_PEER_UNREACHABLE"
    nodes.wire.cut = False
    nodes.pass_time(60)
    assert (await place(nodes, "h5")).unit == FUZHOU


async def test_slots_of_a_unit_to_which_no_calls_go_any_more_are_given_back(nodes: Nodes) -> None:
    await after_the_quiet_term(nodes)
    await renew(nodes)
    nodes.pass_time((KEPT_FOR - timedelta(seconds=QUIET + 5)).total_seconds())
    await renew(nodes)
    assert nodes[HERE].parts.slots.shown()
    nodes.pass_time(10)
    await renew(nodes)
    assert nodes[HERE].parts.slots.shown() == []
    promised = await nodes[THERE].parts.granting.promised()
    assert all(line.slots == 0 for each in promised for line in each.lines)
