"""What the desktops of one node hear and do: in-process, on a real database, with another node that hears nothing."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from tests.support.one_node import CONTEXT, HOLD, START, UNUSED, Node, called_by, code_of, offer

from province_node.handlers.desk import DeskHandlers
from province_node.handlers.handoff import HandoffHandlers
from province_node.handlers.routing import take_outcome
from province_node.store import delivery_of
from province_node.store import routing as store
from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.routing.v1 import desk_pb2, events_pb2, routing_pb2
from twelve333.api.routing.v1 import service_pb2 as pb
from twelve333.client.handoffs import view_of
from twelve333.core.coverage.model import Verdict
from twelve333.core.ids import HUB
from twelve333.core.routing.back import KEPT_FOR
from twelve333.core.routing.handoff import bring_back, confer, connect
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call
from twelve333.wire.routing import state_from_wire, state_to_wire


def as_told(handoff: routing_pb2.Handoff) -> tuple[str, str, str]:
    state = state_from_wire(handoff.state)
    return handoff.call.id, state.value if state else "", handoff.taken_by


async def test_a_desktop_hears_of_what_is_open_and_then_of_each_change(node: Node) -> None:
    desk, request = DeskHandlers(node.context, node.parts), desk_pb2.WatchHandoffsRequest(units=["350100"])
    with called_by("360000"):
        await node.peer.OfferHandoff(offer("before"), UNUSED)
        await node.peer.OfferHandoff(offer("elsewhere", "350200"), UNUSED)
    with called_by("350000", "desk-1"):
        async with aclosing(desk.WatchHandoffs(request, UNUSED)) as stream:
            first = anext(stream)
            node.parts.desks.telling.start()
            assert as_told((await first).handoff) == ("before", "accepted", "")
            assert not (await anext(stream)).HasField("handoff")
            with called_by("360000"):
                await node.peer.OfferHandoff(offer("after"), UNUSED)
            assert as_told((await anext(stream)).handoff) == ("after", "accepted", "")
            taken = await desk.TakeHandoff(desk_pb2.TakeHandoffRequest(id="after"), UNUSED)
            assert taken.taken_by == "desk-1"
            assert as_told((await anext(stream)).handoff) == ("after", "accepted", "desk-1")
            await node.parts.desks.close()
            async for _ in stream:
                raise AssertionError("the stream went on after the node had stopped")
    await node.parts.desks.telling.stop()


async def test_two_desktops_cannot_take_one_call_and_only_the_taker_sees_its_context(node: Node) -> None:
    desk, handoffs = DeskHandlers(node.context, node.parts), HandoffHandlers(node.context, node.parts)
    asked = desk_pb2.TakeHandoffRequest(id="h1")
    with called_by("360000"):
        await node.peer.OfferHandoff(offer(), UNUSED)
    lease = await node.context.database.read(lambda tx: store.load_lease(tx, "360000", "h1.350100"))
    assert lease is not None
    await node.context.database.write(lambda tx: store.save_lease_context(tx, lease, CONTEXT))
    with called_by("350000", "desk-1"):
        assert [item.text for item in (await desk.TakeHandoff(asked, UNUSED)).context] == ["档案在哪里"]
    with called_by("350000", "desk-2"):
        assert await code_of(desk.TakeHandoff(asked, UNUSED)) == "ROUTING_CALL_TAKEN"
        assert list((await handoffs.GetHandoff(pb.GetHandoffRequest(id="h1"), UNUSED)).context) == []
        assert await code_of(handoffs.ReportCompleted(pb.ReportCompletedRequest(id="h1"), UNUSED)) == "ROUTING_CALL_TAKEN"
        assert await code_of(desk.TakeHandoff(desk_pb2.TakeHandoffRequest(id="nobody"), UNUSED)) == "ROUTING_HANDOFF_UNKNOWN"


async def test_a_call_given_back_frees_its_seat_and_is_told_to_the_origin_even_if_it_is_away(node: Node) -> None:
    handoffs = HandoffHandlers(node.context, node.parts)
    with called_by("360000"):
        await node.peer.OfferHandoff(offer(), UNUSED)
    with called_by("350000", "desk-1"):
        for _ in range(2):
            back = await handoffs.ReturnHandoff(pb.ReturnHandoffRequest(id="h1", reason="WRONG_TOPIC"), UNUSED)
            assert state_from_wire(back.state) is HandoffState.RETURNED
    assert await node.context.database.read(lambda tx: store.running_leases(tx, "350100", START)) == []
    assert await node.outbox() == {"360000": 1}


async def test_what_comes_back_is_recorded_at_the_origin_with_the_reason_by_event_or_by_rpc_once(node: Node) -> None:
    placed = await node.parts.handoffs.place(Call("h1", "350100"), "350200", CONTEXT, "desk-1")
    state = state_to_wire(HandoffState.RETURNED)
    told = pb.ReportOutcomeRequest(offer_id=placed.offer_id, state=state, reason="NO_ANSWER")
    with called_by("360000"):
        assert await code_of(node.peer.ReportOutcome(told, UNUSED)) == "ROUTING_OFFER_NOT_YOURS"
    with called_by("350000"):
        await node.peer.ReportOutcome(told, UNUSED)
        await node.peer.ReportOutcome(told, UNUSED)
    event = events_pb2.HandoffOutcome(offer_id=placed.offer_id, state=state, reason="NO_ANSWER")
    inbound = Inbound("350000", 1, 1, "e1", "twelve333.api.routing.v1.HandoffOutcome", "h1", event.SerializeToString(), START)
    apply = take_outcome(node.parts.handoffs, delivery_of("350000"))
    await node.context.database.write(lambda tx: apply(tx, inbound, START))
    kept = await node.context.database.read(lambda tx: store.load_handoff(tx, "h1"))
    assert kept is not None
    assert (kept.state, kept.reason, kept.placed_by) == (HandoffState.RETURNED, "NO_ANSWER", "desk-1")
    assert [step.state.value for step in kept.steps] == ["offered", "accepted", "returned"]
    assert await node.outbox() == {HUB: 2}


async def test_a_call_of_its_own_that_came_back_or_was_never_put_through_is_told_to_who_placed_it_and_to_nobody_else(node: Node) -> None:
    desk = DeskHandlers(node.context, node.parts)
    for name, placer in (("back", "desk-1"), ("late", "desk-1"), ("other", "desk-2")):
        await node.parts.handoffs.place(Call(name, "350100"), "350200", (), placer)
    await node.parts.handoffs.record("back", lambda handoff, now: bring_back(handoff, "BUSY", now))
    node.now += HOLD
    await node.parts.handoffs.sweep()
    with called_by("350000", "desk-1"):
        stream = desk.WatchHandoffs(desk_pb2.WatchHandoffsRequest(), UNUSED)
        async with aclosing(stream):
            first = anext(stream)
            node.parts.desks.telling.start()
            told = [await first]
            while told[-1].HasField("handoff"):
                told.append(await anext(stream))
    await node.parts.desks.telling.stop()
    assert sorted(as_told(each.handoff)[:2] for each in told[:-1]) == [("back", "returned"), ("late", "expired")]
    assert {each.handoff.reason for each in told[:-1]} == {"BUSY", "ROUTING_NOT_CONNECTED_IN_TIME"}
    foreign = desk_pb2.WatchHandoffsRequest(units=["360400"])
    with called_by("350000", "desk-1"):
        assert await code_of(anext(desk.WatchHandoffs(foreign, UNUSED))) == "ROUTING_FROM_UNIT_NOT_HERE"


async def came_back(node: Node, holder: str) -> routing_pb2.Handoff:
    """What a desktop that comes is told of the one call that came back to it."""
    with called_by("350000", holder):
        async with aclosing(DeskHandlers(node.context, node.parts).WatchHandoffs(desk_pb2.WatchHandoffsRequest(), UNUSED)) as stream:
            first = asyncio.create_task(anext(stream))
            node.parts.desks.telling.start()
            told = (await first).handoff
    await node.parts.desks.telling.stop()
    return told


async def test_what_came_back_brings_its_decision_and_for_ten_minutes_its_context_to_who_placed_it_alone(node: Node) -> None:
    handoffs, asked = HandoffHandlers(node.context, node.parts), pb.GetHandoffRequest(id="h1")
    await node.parts.handoffs.place(Call("h1", "350100"), "350200", CONTEXT, "desk-1")
    await node.parts.handoffs.record("h1", lambda handoff, now: bring_back(handoff, "WRONG_TOPIC", now))
    told = view_of(await came_back(node, "desk-1"))
    assert (told.is_back, told.handoff.reason, told.next_units, dict(told.context)) == (True, "WRONG_TOPIC", ("350000",), {})
    assert told.handoff.route is not None
    assert [(each.unit, each.verdict) for each in told.handoff.route.candidates] == [
        ("350100", Verdict.CHOSEN),
        ("350000", Verdict.ELIGIBLE),
    ]
    assert told.context_until == START + KEPT_FOR

    async def read_by(name: str) -> list[str]:
        with called_by("350000", name):
            return [item.text for item in (await handoffs.GetHandoff(asked, UNUSED)).context]

    assert [await read_by(name) for name in ("desk-1", "desk-2")] == [["档案在哪里"], []]
    node.now += KEPT_FOR
    assert await read_by("desk-1") == []
    await node.parts.handoffs.sweep()
    assert await node.context.database.read(lambda tx: store.load_context(tx, "h1")) == ()


async def test_handed_on_again_a_call_goes_past_who_gave_it_back_and_keeps_who_was_asked_first(node: Node) -> None:
    handoffs = node.parts.handoffs
    await handoffs.place(Call("h1", "350100"), "350200", CONTEXT, "desk-1")
    early = handoffs.place(Call("h2", "350100"), "350200", CONTEXT, "desk-1", again="h1")
    assert await code_of(early) == "ROUTING_NOT_BACK"
    await handoffs.record("h1", lambda handoff, now: bring_back(handoff, "WRONG_TOPIC", now))
    for _ in range(2):  # a repeat gets the same answer
        again = await handoffs.place(Call("h2", "350100"), "350200", CONTEXT, "desk-1", again="h1")
        assert (again.unit, again.call.visited, again.call.first_asked) == ("350000", ("350200", "350100", "350200"), "350200")
    assert await code_of(handoffs.place(Call("h3", "350100"), "350100", (), "desk-1", again="h1")) == "ROUTING_NOT_BACK"


async def test_handed_on_again_a_call_that_came_from_elsewhere_still_proves_where_it_was(node: Node) -> None:
    with called_by("360000"):
        request = offer("h0", "350200")
        await node.peer.OfferHandoff(request, UNUSED)
    handoffs = node.parts.handoffs
    await handoffs.place(Call("h1", "350100"), "350200", (), "desk-1", after="h0")
    await handoffs.record("h1", lambda handoff, now: bring_back(handoff, "WRONG_TOPIC", now))
    again = await handoffs.place(Call("h2", "350100"), "350200", (), "desk-1", again="h1")
    assert (again.came_by, again.unit) == ("h0", "350000")


async def test_a_three_way_call_is_recorded_and_holds_its_seat_like_any_conversation(node: Node) -> None:
    handoffs, hold = node.parts.handoffs, HOLD * 100
    await handoffs.place(Call("h1", "350100"), "350200", CONTEXT)
    await handoffs.record("h1", lambda handoff, now: confer(handoff, hold, now))
    node.now += HOLD * 2
    assert len(await node.context.database.read(lambda tx: store.running_leases(tx, "350100", node.now))) == 1
    await handoffs.record("h1", lambda handoff, now: connect(handoff, hold, now))
    kept = await node.context.database.read(lambda tx: store.load_handoff(tx, "h1"))
    assert kept is not None
    assert [step.state.value for step in kept.steps] == ["offered", "accepted", "conference", "connected"]
