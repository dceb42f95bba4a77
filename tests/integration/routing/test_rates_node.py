"""Rates between two nodes: the source keeps to what it was told before a call goes, and the unit's node to what it admits in all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.two_nodes import Nodes, two_nodes

from province_node.queues import QueueBoard
from twelve333.core.coverage.model import Verdict
from twelve333.core.routing.handoff import Handoff
from twelve333.core.routing.model import Call, Gap
from twelve333.core.routing.queues import LIFETIME, Report, Told, admitted
from twelve333.core.routing.rates import BURST, BURST_AT_UNIT, Ceiling
from twelve333.core.routing.replay import again
from twelve333.testing.directory import a_declaration
from twelve333.wire.queues import decode_told, encode_told
from twelve333.wire.slots import Wanted

HERE, THERE, FUZHOU, FUJIAN, JIUJIANG = "360000", "350000", "350100", "350000", "360400"


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with two_nodes(tmp_path, [a_declaration(code, seats=50) for code in (FUZHOU, FUJIAN, HERE, JIUJIANG)]) as opened:
        yield opened


async def place(nodes: Nodes, name: str, topic: str = "03", priority: int = 0) -> Handoff:
    return await nodes[HERE].parts.handoffs.place(Call(name, FUZHOU, topic=topic, priority=priority), JIUJIANG, ())


def hear(nodes: Nodes, kept: float = 0.0, **per_minute: float) -> None:
    ceilings = [Ceiling(topic.removeprefix("t"), rate, kept) for topic, rate in per_minute.items()]
    nodes[HERE].parts.view.rates.heard([FUZHOU], {FUZHOU: ceilings}, nodes.now + timedelta(minutes=5), nodes.now)


async def test_a_call_above_the_rate_goes_past_the_unit_without_asking_it_and_is_replayed_so(nodes: Nodes) -> None:
    hear(nodes, t03=6)
    assert (await place(nodes, "h0")).unit == FUZHOU
    nodes.wire.asked.clear()
    over = await place(nodes, "h1")
    assert over.route is not None
    assert [(each.unit, each.verdict) for each in over.route.candidates] == [(FUZHOU, Verdict.RATE), (FUJIAN, Verdict.CHOSEN)]
    assert over.route.observed.gapped == {FUZHOU: Gap(nodes.now + timedelta(seconds=5))}
    assert nodes.wire.asked == ["OfferHandoff"]
    assert (await place(nodes, "h2", "01")).unit == FUZHOU
    nodes.pass_time(5)
    assert (await place(nodes, "h3")).unit == FUZHOU


async def test_a_priority_call_goes_where_usual_calls_are_gapped_and_is_replayed_so(nodes: Nodes) -> None:
    hear(nodes, t03=6, kept=3)
    view = nodes[HERE].parts.view
    placed = [await place(nodes, f"h{number}", priority=priority) for number, priority in enumerate((0, 0, 1, 1))]
    assert [handoff.unit for handoff in placed] == [FUZHOU, FUJIAN, FUZHOU, FUJIAN]
    routes = [handoff.route for handoff in placed if handoff.route]
    found = [(route.candidates[0].verdict, route.candidates[0].reserved) for route in routes]
    assert found == [(Verdict.CHOSEN, False), (Verdict.RATE, True), (Verdict.CHOSEN, True), (Verdict.RATE, False)]
    assert [again(route, view.snapshot, view.policies) for route in routes] == routes


async def test_a_source_says_which_of_its_calls_are_urgent_and_gets_the_reserve_for_them(nodes: Nodes) -> None:
    rates, others = nodes[THERE].parts.view.rates, [f"{number}0000" for number in range(41, 51)]
    rates.reported(FUZHOU, [Ceiling("", 60, 12)], nodes.now)
    hear(nodes, t=600)
    for number in range(10):
        await place(nodes, f"h{number}", priority=1)
    await nodes[HERE].parts.slots.step()
    for other in others:
        rates.wants(other, [Wanted(FUZHOU, {}, None, (Ceiling("", 600),))], nodes.now)
    rates.reported(FUZHOU, [Ceiling("", 60, 12)], nodes.now)
    found = {source: (share.per_minute, share.priority) for share in rates.divided([HERE, *others], nodes.now) for source in share.sources}
    assert sum(rate for rate, _ in found.values()) == pytest.approx(60)
    assert found[HERE] == pytest.approx((12 + 48 / 11, 12))  # it comes with 20 urgent calls a minute; of the rest all have the same


@pytest.mark.parametrize("pct", [0, 10, 100])
async def test_what_a_unit_declares_of_its_rate_is_kept_for_priority_calls_at_its_node_and_at_the_source(tmp_path: Path, pct: int) -> None:
    declared = [a_declaration(FUZHOU, seats=50, reserved_pct=pct), a_declaration(FUJIAN, seats=50), a_declaration(JIUJIANG)]
    async with two_nodes(tmp_path, declared) as nodes:
        view, here = nodes[THERE].parts.view, nodes[HERE].parts.view
        board = QueueBoard(THERE, lambda: nodes.now, view, lambda _member: False)
        board.report(FUZHOU, Report(True, 9, 0, 0, (Ceiling("", 60),)))
        await board.tell()
        told = decode_told(encode_told(Told(THERE, nodes.now, LIFETIME, {}, board.divided)))
        assert told is not None
        heard = admitted(told, here.known_units(), HERE)
        assert [(it.per_minute, it.priority) for it in heard[FUZHOU]] == [(60, pytest.approx(60 * pct / 100))]
        here.rates.heard([FUZHOU], heard, nodes.now + LIFETIME, nodes.now)
        usual = [(await place(nodes, f"h{number}")).unit for number in range(8)]
        assert usual.count(FUZHOU) == 1 + int(BURST.total_seconds() * (1 - pct / 100))  # a call a second, and so many ahead
        assert (await place(nodes, "first", priority=1)).unit == (FUZHOU if pct else FUJIAN)


async def test_an_explanation_uses_nothing_of_the_rate(nodes: Nodes) -> None:
    hear(nodes, t=6)
    for number in range(3):
        route = nodes[HERE].parts.view.route(Call(f"h{number}", FUZHOU), nodes.now)
        assert route.candidates[0].verdict is Verdict.CHOSEN


async def test_a_unit_admits_no_more_than_it_said_even_from_a_source_that_heard_nothing(nodes: Nodes) -> None:
    rates = nodes[THERE].parts.view.rates
    rates.reported(FUZHOU, [Ceiling("", 12, 2.4)], nodes.now)
    placed = [await place(nodes, f"h{number}") for number in range(8)]
    ahead = 1 + int(BURST_AT_UNIT.total_seconds() * (1 - 2.4 / 12) / 5)
    assert [handoff.unit for handoff in placed] == [FUZHOU] * ahead + [FUJIAN] * (8 - ahead)
    assert placed[-1].steps[1].reason == "ROUTING_RATE_EXCEEDED"
    assert (await place(nodes, "h8", priority=1)).unit == FUZHOU  # out of what is kept
    nodes.pass_time(LIFETIME.total_seconds())  # its telephone system is silent: no limit holds
    assert (await place(nodes, "h9")).unit == FUZHOU


async def test_an_offer_that_was_accepted_is_accepted_again_whatever_the_rate(nodes: Nodes) -> None:
    rates = nodes[THERE].parts.view.rates
    first = await place(nodes, "h0")
    rates.reported(FUZHOU, [Ceiling("", 0)], nodes.now)
    sent = nodes.wire.requests["OfferHandoff"]
    again = await nodes[THERE].answer(HERE, "OfferHandoff", sent)
    assert (first.unit, again.target) == (FUZHOU, first.target)


async def test_a_source_says_what_it_would_send_and_gets_its_part(nodes: Nodes) -> None:
    rates = nodes[THERE].parts.view.rates
    rates.reported(FUZHOU, [Ceiling("", 60, 12)], nodes.now)
    hear(nodes, t=600)
    for number in range(10):
        await place(nodes, f"h{number}")
    await nodes[HERE].parts.slots.step()
    rates.reported(FUZHOU, [Ceiling("", 60, 12)], nodes.now)
    shares = {source: share.per_minute for share in rates.divided([HERE, "440000"], nodes.now) for source in share.sources}
    assert sum(shares.values()) == pytest.approx(60)
    assert shares[HERE] == pytest.approx(37)  # it came with 20 a minute and may come to want more; 6 are everybody's
