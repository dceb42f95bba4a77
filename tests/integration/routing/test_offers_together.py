"""Calls that are offered at the same moment share a unit of work and ask for contexts together; each gets what it would alone."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.one_node import CONTEXT, START, UNUSED, Node, called_by, offer

from province_node.handlers.routing import HandoffPeerHandlers
from province_node.store import routing as store
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.routing.model import Call


async def told(peer: HandoffPeerHandlers, name: str, unit: str = "350100") -> str:
    """The address, or the code of the refusal."""
    try:
        return (await peer.OfferHandoff(offer(name, unit), UNUSED)).target
    except Refused as refused:
        return refused.refusal.code.name


async def test_of_calls_offered_at_once_no_more_are_taken_than_there_are_seats(node: Node) -> None:
    with called_by("360000"):
        answers = await asyncio.gather(*(told(node.peer, f"h{number}") for number in range(5)), told(node.peer, "other", "350200"))
    assert answers[2:5] == ["ROUTING_NO_SEAT_FREE"] * 3
    assert not any(answer.startswith("ROUTING_") for answer in (*answers[:2], answers[5]))
    held = await node.context.database.read(lambda tx: store.running_by_unit(tx, ["350100", "350200", "350000"], START))
    assert {unit: sum(seat.calls for seat in seats) for unit, seats in held.items()} == {"350100": 2, "350200": 1, "350000": 0}


async def test_an_offer_told_twice_at_once_takes_one_seat(node: Node) -> None:
    with called_by("360000"):
        answers = await asyncio.gather(told(node.peer, "h1"), told(node.peer, "h1"), told(node.peer, "h2"))
    assert answers[0] == answers[1]
    assert not answers[2].startswith("ROUTING_")


async def test_contexts_are_given_together_to_the_member_that_accepted_and_to_nobody_else(node: Node) -> None:
    placed = [await node.parts.handoffs.place(Call(name, "350100"), "350200", CONTEXT) for name in ("h1", "h2")]
    ids = [handoff.offer_id for handoff in placed]
    asked = pb.FetchContextRequest(offer_id=ids[0], others=[ids[1], "h9.350100"])
    with called_by("360000"), pytest.raises(Refused):
        await node.peer.FetchContext(asked, UNUSED)
    with called_by("350000"):
        answer = await node.peer.FetchContext(asked, UNUSED)
    assert [item.text for item in answer.items] == [item.text for item in CONTEXT]
    assert [(other.offer_id, [item.text for item in other.items]) for other in answer.others] == [(ids[1], [item.text for item in CONTEXT])]
    records = await node.context.database.read(lambda tx: node.context.records.list(tx, 0, 10))
    assert sorted(record.entry.subject for record in records if record.entry.action == "handoff.context") == sorted(ids)
