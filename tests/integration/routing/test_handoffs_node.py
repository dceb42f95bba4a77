"""One node's handling of calls on a real database with a clock of the test's own: leases, sweeping, breakers, contexts, rights."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.support.one_node import CONTEXT, HOLD, START, UNUSED, Node, called_by, code_of, offer

from province_node.handlers.handoff import HandoffHandlers
from province_node.handlers.routing import take_told_handoff
from province_node.routing_view import ASKED_WITHIN
from province_node.store import routing as store
from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.routing.v1 import events_pb2, routing_pb2
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.ids import HUB
from twelve333.core.routing.context import ContextItem, digest_of
from twelve333.core.routing.handoff import bring_back, complete, connect
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.wire.routing import call_to_wire, context_from_wire, context_to_wire, state_to_wire


async def test_many_calls_at_once_never_get_more_seats_than_there_are(node: Node) -> None:
    with called_by("360000"):
        answers = await asyncio.gather(*(node.peer.OfferHandoff(offer(f"h{n}"), UNUSED) for n in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, pb.OfferHandoffResponse) for answer in answers) == 2
    refused = [answer.refusal for answer in answers if isinstance(answer, Refused)]
    assert {refusal.code.name for refusal in refused} == {"ROUTING_NO_SEAT_FREE"}
    assert {refusal.retry_after for refusal in refused} == {HOLD}


async def test_a_seat_of_which_nobody_speaks_again_is_free_after_its_lease(node: Node) -> None:
    with called_by("360000"):
        for name in ("h1", "h2"):
            await node.peer.OfferHandoff(offer(name), UNUSED)
        assert await code_of(node.peer.OfferHandoff(offer("h3"), UNUSED)) == "ROUTING_NO_SEAT_FREE"
        node.now += HOLD
        assert (await node.peer.OfferHandoff(offer("h3"), UNUSED)).target == "sip:12333@350100.example"


async def test_an_offer_repeated_holds_one_seat(node: Node) -> None:
    with called_by("360000"):
        first = await node.peer.OfferHandoff(offer(), UNUSED)
        assert await node.peer.OfferHandoff(offer(), UNUSED) == first
    assert len(await node.context.database.read(lambda tx: store.running_leases(tx, "350100", START))) == 1


async def test_an_offer_whose_parts_do_not_belong_together_is_refused(node: Node) -> None:
    crooked = offer()
    crooked.offer_id = "other.350100"
    with called_by("360000"):
        assert await code_of(node.peer.OfferHandoff(crooked, UNUSED)) == "ROUTING_OFFER_OTHER_CONTENT"
        assert await code_of(node.peer.OfferHandoff(offer(unit="360400"), UNUSED)) == "ROUTING_UNIT_NOT_SERVED_HERE"
        assert await code_of(node.peer.OfferHandoff(offer(context=b"short"), UNUSED)) == "ROUTING_OFFER_OTHER_CONTENT"


async def test_a_notice_frees_the_seat_at_once_and_only_the_origin_can_give_it(node: Node) -> None:
    over = pb.NotifyHandoffRequest(offer_id="h1.350100", state=state_to_wire(HandoffState.EXPIRED))
    with called_by("360000"):
        await node.peer.OfferHandoff(offer(), UNUSED)
    with called_by("110000"):
        assert await code_of(node.peer.NotifyHandoff(over, UNUSED)) == "ROUTING_HANDOFF_UNKNOWN"
    assert len(await node.context.database.read(lambda tx: store.running_leases(tx, "350100", START))) == 1
    with called_by("360000"):
        await node.peer.NotifyHandoff(over, UNUSED)
        await node.peer.NotifyHandoff(over, UNUSED)
    assert await node.context.database.read(lambda tx: store.running_leases(tx, "350100", START)) == []


async def test_the_event_alone_frees_the_seat_too(node: Node) -> None:
    with called_by("360000"):
        await node.peer.OfferHandoff(offer(), UNUSED)
    steps = [
        routing_pb2.HandoffStep(number=number, state=state_to_wire(state), unit="350100")
        for number, state in enumerate((HandoffState.OFFERED, HandoffState.ACCEPTED, HandoffState.CONNECTED, HandoffState.COMPLETED), 1)
    ]
    event = events_pb2.HandoffEvent(call=call_to_wire(Call("h1", "350100")), from_unit="360400", steps=steps, offer_id="h1.350100")
    inbound = Inbound("360000", 1, 1, "e1", "twelve333.api.routing.v1.HandoffEvent", "h1", event.SerializeToString(), START)
    apply = take_told_handoff(node.context, node.parts.view)
    await node.context.database.write(lambda tx: apply(tx, inbound, START))
    lease = await node.context.database.read(lambda tx: store.load_lease(tx, "360000", "h1.350100"))
    assert lease is not None
    assert (lease.state, lease.is_held(START)) == (HandoffState.COMPLETED, False)


async def test_a_call_of_our_own_is_recorded_told_and_its_seat_renewed_and_freed(node: Node) -> None:
    handoffs = node.parts.handoffs
    placed = await handoffs.place(Call("h1", "350100"), "350200", CONTEXT)
    assert (placed.state, placed.held_until) == (HandoffState.ACCEPTED, START + HOLD)
    await handoffs.record("h1", lambda handoff, now: connect(handoff, timedelta(hours=1), now))
    node.now += timedelta(minutes=30)
    assert len(await node.context.database.read(lambda tx: store.running_leases(tx, "350100", node.now))) == 1
    await handoffs.record("h1", complete)
    assert await node.context.database.read(lambda tx: store.running_leases(tx, "350100", node.now)) == []
    assert await node.outbox() == {HUB: 3}


async def test_a_call_that_is_not_put_through_expires_and_is_told(node: Node) -> None:
    await node.parts.handoffs.place(Call("h1", "350100"), "350200", CONTEXT)
    await node.parts.handoffs.sweep()
    assert (await node.context.database.read(lambda tx: store.load_handoff(tx, "h1"))).state is HandoffState.ACCEPTED
    node.now += HOLD
    await node.parts.handoffs.sweep()
    gone = await node.context.database.read(lambda tx: store.load_handoff(tx, "h1"))
    assert (gone.state, gone.reason) == (HandoffState.EXPIRED, "ROUTING_NOT_CONNECTED_IN_TIME")
    assert await node.outbox() == {HUB: 2}


async def test_an_unreachable_peer_is_recorded_and_then_left_alone_longer_each_time(node: Node) -> None:
    pauses = []
    for number in range(3):
        placed = await node.parts.handoffs.place(Call(f"h{number}", "360400"), "350100", ())
        assert placed.steps[1].reason == "ROUTING_PEER_UNREACHABLE"
        # The parent is served by the same member: its breaker is open now, so it is not dialled again.
        assert [step.state.value for step in placed.steps] == ["offered", "unreachable", "offered", "unreachable", "last_resort"]
        pauses.append(node.parts.view.observed(node.now).unreachable["360000"] - node.now)
        assert node.unheard == ["360000"] * (number + 1)
        node.now += pauses[-1]
    assert [pause - ASKED_WITHIN for pause in pauses] == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]


async def test_a_refusal_leaves_the_unit_alone_for_as_long_as_it_asked(node: Node) -> None:
    for name in ("h1", "h2", "h3"):
        placed = await node.parts.handoffs.place(Call(name, "350100"), "350200", ())
    assert [(step.state.value, step.unit) for step in placed.steps][1:] == [
        ("refused", "350100"),
        ("offered", "350000"),
        ("accepted", "350000"),
    ]
    again = await node.parts.handoffs.place(Call("h4", "350100"), "350200", ())
    assert again.steps[0].unit == "350000"
    node.now += HOLD
    healed = await node.parts.handoffs.place(Call("h5", "350100"), "350200", ())
    assert healed.steps[0].unit == "350100"


async def test_the_context_is_given_to_the_member_that_accepted_and_to_nobody_else(node: Node) -> None:
    handoff = await node.parts.handoffs.place(Call("h1", "350100"), "350200", CONTEXT)
    asked = pb.FetchContextRequest(offer_id=handoff.offer_id)
    with called_by("360000"):
        assert await code_of(node.peer.FetchContext(asked, UNUSED)) == "ROUTING_OFFER_NOT_YOURS"
        assert await code_of(node.peer.FetchContext(pb.FetchContextRequest(offer_id="h9.1"), UNUSED)) == "ROUTING_HANDOFF_UNKNOWN"
    with called_by("350000"):
        assert [item.text for item in (await node.peer.FetchContext(asked, UNUSED)).items] == ["档案在哪里"]
    await node.parts.handoffs.record("h1", lambda handoff, now: bring_back(handoff, "BUSY", now))
    with called_by("350000"):
        assert await code_of(node.peer.FetchContext(asked, UNUSED)) == "ROUTING_OFFER_NOT_YOURS"


async def test_what_the_topic_does_not_need_stays_at_the_origin(node: Node) -> None:
    whole = (*CONTEXT, ContextItem("name", "张三"), ContextItem("id_number", "110101199003077571"))
    request = pb.PlaceHandoffRequest(call=routing_pb2.Call(id="h1", region="350100", topic="0601"), from_unit="350200")
    request.context.extend(context_to_wire(whole))
    asked = pb.GetHandoffRequest(id="h1")
    with called_by("350000"):
        handlers = HandoffHandlers(node.context, node.parts)
        placed = await handlers.PlaceHandoff(request, UNUSED)
        assert (list(placed.withheld), len(placed.context)) == (["id_number"], 3)
        again = await handlers.PlaceHandoff(request, UNUSED)
        assert (again.steps, list(again.withheld)) == (placed.steps, ["id_number"])
        fetched = await node.peer.FetchContext(pb.FetchContextRequest(offer_id="h1.350100"), UNUSED)
        assert context_from_wire(fetched.items) == whole[:2]
        # Both units are ours: here the origin's record is looked up, which has all of it.
        assert context_from_wire((await handlers.GetHandoff(asked, UNUSED)).context) == whole
    lease = await node.context.database.read(lambda tx: store.load_lease(tx, "350000", "h1.350100"))
    assert lease is not None
    assert await node.parts.fetcher.try_fetch(lease) == whole[:2]


async def test_what_an_older_program_offered_is_given_as_it_was_offered(node: Node) -> None:
    whole = (*CONTEXT, ContextItem("id_number", "110101199003077571"))
    await node.parts.handoffs.place(Call("h1", "350100", topic="0601"), "350200", whole)
    column = update(store.handoffs).where(store.handoffs.c.id == "h1").values(context_sha256=digest_of(whole))
    await node.context.database.write(lambda tx: tx.execute(column) and None)
    with called_by("350000"):
        fetched = await node.peer.FetchContext(pb.FetchContextRequest(offer_id="h1.350100"), UNUSED)
    assert context_from_wire(fetched.items) == whole


async def test_a_context_other_than_the_one_offered_is_not_kept(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    with called_by("360000"):
        await node.peer.OfferHandoff(offer(context=digest_of(CONTEXT)), UNUSED)
    lease = await node.context.database.read(lambda tx: store.load_lease(tx, "360000", "h1.350100"))
    assert lease is not None
    fetcher = node.parts.fetcher

    def answering(items: tuple[ContextItem, ...]) -> Callable[..., Any]:
        async def ask(origin: str, offer_ids: Sequence[str]) -> dict[str, tuple[ContextItem, ...]]:
            return dict.fromkeys(offer_ids, items)

        return ask

    monkeypatch.setattr(fetcher, "_ask", answering((ContextItem("question", "forged"),)))
    assert await fetcher.try_fetch(lease) == ()
    monkeypatch.setattr(fetcher, "_ask", answering(CONTEXT))
    assert await fetcher.try_fetch(lease) == CONTEXT
    found = await node.context.database.read(lambda tx: store.load_incoming(tx, "h1"))
    assert found is not None
    assert found[1] == CONTEXT


async def test_a_call_cannot_be_handed_on_by_a_unit_of_another_node(node: Node) -> None:
    assert await code_of(node.parts.handoffs.place(Call("h1", "350100"), "360400", ())) == "ROUTING_FROM_UNIT_NOT_HERE"


async def test_a_node_without_a_directory_says_so(node: Node) -> None:
    node.context.directory.version = 0
    assert await code_of(node.parts.handoffs.place(Call("h1", "350100"), "350200", ())) == "REGISTRATION_DIRECTORY_MISSING"
