"""The books of a node's calls on a real database: a lost call is found and named in numbers, also after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.support.two_nodes import Member, Nodes, two_nodes

from province_node.books import Bookkeeping, CallsCounted
from province_node.store import delivery_of
from province_node.store.routing import handoffs
from twelve333.core.decision import Refused
from twelve333.core.delivery.status import Alarm
from twelve333.core.routing.books import ALARM_AFTER, GRACE
from twelve333.core.routing.handoff import complete, connect
from twelve333.core.routing.model import Call
from twelve333.testing.directory import a_declaration

HERE, THERE, FUZHOU, JIUJIANG = "360000", "350000", "350100", "360400"
TALK = timedelta(hours=1)


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    async with two_nodes(tmp_path, [a_declaration(code, seats=2) for code in (FUZHOU, HERE, THERE, JIUJIANG)]) as opened:
        yield opened


def keeping(nodes: Nodes, member: str, counted: CallsCounted | None = None) -> Bookkeeping:
    it: Member = nodes[member]
    delivery = delivery_of(member)
    return Bookkeeping(counted or it.parts.handoffs.counted, member, it.context.database, delivery, it.context.clock)


async def alarms(nodes: Nodes, member: str) -> list[Alarm]:
    return list(await nodes[member].context.database.read(delivery_of(member).alarms.all))


async def places(nodes: Nodes, *names: str) -> None:
    for name in names:
        await nodes[HERE].parts.handoffs.place(Call(name, FUZHOU), JIUJIANG, ())


async def watched(nodes: Nodes, member: str, books: Bookkeeping) -> list[Alarm]:
    await books.step()
    nodes.pass_time(ALARM_AFTER.total_seconds())
    await books.step()
    return await alarms(nodes, member)


async def test_the_books_of_both_sides_balance_through_a_days_work(nodes: Nodes) -> None:
    here, there = nodes[HERE], nodes[THERE]
    books, theirs = keeping(nodes, HERE), keeping(nodes, THERE)
    await places(nodes, "h0", "h1", "h0", "h2")  # h0 is the same request again, h2 ends in a last resort or at the parent
    await here.parts.handoffs.record("h0", lambda handoff, now: connect(handoff, TALK, now))
    await here.parts.handoffs.record("h0", complete)
    with pytest.raises(Refused):
        await here.parts.handoffs.place(Call("h9", FUZHOU), FUZHOU, ())
    await books.step()
    await theirs.step()
    out, came = here.parts.handoffs.counted.books
    assert (out.came, out.waiting + out.talking + out.ended, out.missing) == (3, 3, 0)
    assert (came.came, came.missing) == (0, 0)
    assert there.parts.handoffs.counted.books[1].came == 3
    assert await watched(nodes, HERE, books) == await alarms(nodes, THERE) == []


async def test_a_planted_lost_call_raises_the_alarm_with_the_numbers(nodes: Nodes) -> None:
    books = keeping(nodes, HERE)
    await places(nodes, "h0", "h1")
    await nodes[HERE].context.database.write(lambda tx: tx.execute(delete(handoffs).where(handoffs.c.id == "h1")) and None)
    await books.step()
    assert await alarms(nodes, HERE) == []
    [alarm] = await watched(nodes, HERE, books)
    assert (alarm.code, alarm.member, alarm.count) == ("ROUTING_CALLS_MISSING", HERE, 1)
    assert "2 in" in alarm.detail and alarm.detail.endswith("missing")


async def test_a_conversation_that_nobody_ended_is_found_after_a_restart(nodes: Nodes) -> None:
    await places(nodes, "h0")
    await nodes[HERE].parts.handoffs.record("h0", lambda handoff, now: connect(handoff, TALK, now))
    nodes.pass_time((TALK + GRACE).total_seconds() + 1)
    again = CallsCounted(nodes[HERE].context.clock)
    [alarm] = await watched(nodes, HERE, keeping(nodes, HERE, again))
    assert alarm.detail == "outgoing: 1 in, 0 placing, 0 waiting, 0 talking, 0 ended, 0 failed, 1 missing"
    await nodes[HERE].parts.handoffs.record("h0", complete)
    books = keeping(nodes, HERE, again)
    await books.step()
    assert again.books[0].missing == 0
