"""Last resorts carried out at one node, in-process on a real database: callbacks, messages, cases, and the line of a unit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.support.one_node import CONTEXT, START, UNUSED, Node, called_by, code_of, offer

from province_node.handlers.callbacks import CallbackHandlers, take_asked_callback, take_ended_callback
from province_node.handlers.desk import DeskHandlers
from province_node.store import callbacks as line
from province_node.store import cases
from province_node.store import routing as store
from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.routing.v1 import callback_pb2 as pb
from twelve333.api.routing.v1 import desk_pb2
from twelve333.core.decision import Refused
from twelve333.core.ids import HUB
from twelve333.core.routing.callbacks import HELD_FOR, MISSES_MAX, PAUSE_AFTER_MISS, Callback, CallbackState, Wish
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import Call, LastResort, LastResortKind
from twelve333.wire.callbacks import STATE_OUT, callback_to_wire, wish_to_wire
from twelve333.wire.routing import KIND_OUT

NUMBER = "13800001111"
NOTHING, A_NUMBER = Wish(), Wish("13800001111", items=CONTEXT)


def handlers(node: Node) -> CallbackHandlers:
    return CallbackHandlers(node.context, node.parts.line, node.parts.resorts)


async def nobody_takes(node: Node, name: str, kind: LastResortKind, region: str = "360400") -> None:
    """Place a call that nobody takes, and have it end in a last resort of that kind."""
    placed = await node.parts.handoffs.place(Call(name, region, topic="09"), "350200", CONTEXT, "desk-1")
    assert placed.state is HandoffState.LAST_RESORT
    if placed.last_resort != LastResort(kind, region if kind is not LastResortKind.CASE else ""):

        def change(tx: Any) -> None:
            unit = "" if kind is LastResortKind.CASE else region
            tx.execute(store.handoffs.update().where(store.handoffs.c.id == name).values(last_resort=kind.value, unit=unit))

        await node.context.database.write(change)


async def settle(node: Node, name: str, kind: LastResortKind, wish: Wish = NOTHING, summary: str = "") -> Any:
    request = pb.SettleLastResortRequest(id=name, kind=KIND_OUT[kind], wish=wish_to_wire(wish), summary=summary)
    with called_by("350000", "desk-1"):
        return await handlers(node).SettleLastResort(request, UNUSED)


async def asked(node: Node, name: str, minutes: int = 0, priority: int = 0, wish: Wish = A_NUMBER) -> None:
    """九江 asks 福州 to call somebody back whose call was placed that many minutes ago."""
    call, entered = Call(name, "350100", topic="09", priority=priority), node.now - timedelta(minutes=minutes)
    callback = Callback(call, "360400", "360000", "350100", LastResortKind.CALLBACK, entered)
    await told(node, "CallbackAsked", pb.CallbackAsked(callback=callback_to_wire(callback, wish)), take_asked_callback(node.parts.line))


async def told(node: Node, kind: str, event: Any, apply: Any, origin: str = "360000") -> None:
    inbound = Inbound(origin, 1, 1, "e1", f"twelve333.api.routing.v1.{kind}", "h1", event.SerializeToString(), node.now)
    await node.context.database.write(lambda tx: apply(tx, inbound, node.now))


async def take(node: Node, take_id: str, name: str = "desk-1") -> pb.Callback:
    with called_by("350000", name):
        return await handlers(node).TakeCallback(pb.TakeCallbackRequest(unit="350100", take_id=take_id), UNUSED)


async def report(node: Node, callback_id: str, *, missed: bool, name: str = "desk-1") -> pb.Callback:
    with called_by("350000", name):
        if missed:
            return await handlers(node).ReportCallbackMissed(pb.ReportCallbackMissedRequest(id=callback_id), UNUSED)
        return await handlers(node).ReportCallbackDone(pb.ReportCallbackDoneRequest(id=callback_id), UNUSED)


async def state_of(node: Node, name: str) -> tuple[str, str]:
    kept = await node.context.database.read(lambda tx: store.load_handoff(tx, name))
    assert kept is not None
    return kept.state.value, kept.reason


async def test_a_callback_is_handed_to_its_unit_with_its_context_once(node: Node) -> None:
    await nobody_takes(node, "h1", LastResortKind.CALLBACK)
    for _ in range(2):
        settled = await settle(node, "h1", LastResortKind.CALLBACK, Wish(number=NUMBER))
        assert settled.reason == "ROUTING_SETTLED_BY_CALLBACK"
    assert await node.outbox() == {HUB: 2, "360000": 1}
    assert await code_of(settle(node, "h1", LastResortKind.CASE)) == "ROUTING_LAST_RESORT_OTHER"
    ended = pb.CallbackEnded(id="h1", state=STATE_OUT[CallbackState.DONE])
    with pytest.raises(Refused, match="ROUTING_OFFER_NOT_YOURS"):
        await told(node, "CallbackEnded", ended, take_ended_callback(node.parts.resorts), origin="320000")
    await told(node, "CallbackEnded", ended, take_ended_callback(node.parts.resorts))
    assert await state_of(node, "h1") == ("completed", "")
    assert await node.context.database.read(lambda tx: store.load_context(tx, "h1")) == ()


async def test_what_cannot_be_carried_out_leaves_nothing_behind(node: Node) -> None:
    await nobody_takes(node, "h1", LastResortKind.CALLBACK)
    assert await code_of(settle(node, "h1", LastResortKind.CALLBACK, Wish(number="soon"))) == "ROUTING_NUMBER_MALFORMED"
    assert await code_of(settle(node, "h1", LastResortKind.VOICEMAIL, Wish(recording="vm:1"))) == "ROUTING_LAST_RESORT_OTHER"
    assert await code_of(settle(node, "nobody", LastResortKind.CASE)) == "ROUTING_HANDOFF_UNKNOWN"
    assert await state_of(node, "h1") == ("last_resort", "ROUTING_NOBODY_TOOK_IT")
    assert await node.outbox() == {HUB: 1}


async def test_a_case_is_opened_for_the_unit_that_was_asked_first_with_what_the_caller_told(node: Node) -> None:
    await nobody_takes(node, "h1", LastResortKind.CASE)
    await settle(node, "h1", LastResortKind.CASE)
    case = await node.context.database.read(lambda tx: cases.store.load(tx, "h1"))
    assert case is not None
    assert (case.first_asked.unit, case.summary, case.topic, case.region) == ("350200", "question: 档案在哪里", "09", "360400")
    assert await node.context.database.read(lambda tx: store.load_context(tx, "h1")) == (), "the case has it now"


async def test_a_callback_that_was_missed_three_times_comes_back_with_the_reason_and_becomes_a_case_that_says_the_number(
    node: Node,
) -> None:
    await nobody_takes(node, "h1", LastResortKind.CALLBACK)
    await settle(node, "h1", LastResortKind.CALLBACK, Wish(number=NUMBER))
    event = pb.CallbackEnded(id="h1", state=STATE_OUT[CallbackState.GIVEN_BACK], wish=wish_to_wire(Wish(NUMBER, items=CONTEXT)))
    for _ in range(2):
        await told(node, "CallbackEnded", event, take_ended_callback(node.parts.resorts))
    assert await state_of(node, "h1") == ("returned", "ROUTING_CALLBACK_MISSED")
    case = await node.context.database.read(lambda tx: cases.store.load(tx, "h1"))
    assert case is not None and case.first_asked.unit == "350200"
    assert case.summary == f"question: 档案在哪里\n{NUMBER}"


async def test_the_line_is_dealt_in_order_and_only_who_takes_sees_what_the_caller_left(node: Node) -> None:
    for name, minutes, priority in (("third", 1, 0), ("second", 5, 0), ("first", 1, 5), ("second", 9, 0)):
        await asked(node, name, minutes, priority)
    listed = (await handlers(node).ListCallbacks(pb.ListCallbacksRequest(), UNUSED)).callbacks
    assert [each.call.id for each in listed] == ["first", "second", "third"]
    assert not any(each.HasField("wish") for each in listed)
    taken = await take(node, "t1")
    assert (taken.call.id, taken.wish.number, [item.text for item in taken.wish.context]) == ("first", NUMBER, ["档案在哪里"])
    assert await take(node, "t1") == taken
    assert (await take(node, "t2")).call.id == "second"
    refused = await code_of(take(node, "t3"))
    assert refused == "ROUTING_NO_SEAT_FREE"
    assert await code_of(report(node, "first", missed=False, name="desk-2")) == "ROUTING_CALL_TAKEN"
    await report(node, "first", missed=False)
    assert await node.context.database.read(lambda tx: line.load_wish(tx, "first")) == Wish()
    assert await node.outbox() == {"360000": 1}
    assert (await take(node, "t3")).call.id == "third"
    await report(node, "second", missed=False)
    await report(node, "third", missed=False)
    assert await code_of(take(node, "t4")) == "ROUTING_CALLBACK_NONE"
    assert await code_of(report(node, "nobody", missed=True)) == "ROUTING_CALLBACK_UNKNOWN"


async def test_calls_and_callbacks_together_never_hold_more_seats_than_there_are(node: Node) -> None:
    await asked(node, "c1")
    await asked(node, "c2")
    await take(node, "t1")
    with called_by("360000"):
        await node.peer.OfferHandoff(offer("h1"), UNUSED)
        assert await code_of(node.peer.OfferHandoff(offer("h2"), UNUSED)) == "ROUTING_NO_SEAT_FREE"
    assert await code_of(take(node, "t2")) == "ROUTING_NO_SEAT_FREE"
    node.now += HELD_FOR
    await node.parts.line.sweep()
    with called_by("360000"):
        await node.peer.OfferHandoff(offer("h3"), UNUSED)


async def test_missed_twice_it_rings_at_the_desktops_by_itself_and_missed_again_it_is_given_back(node: Node) -> None:
    await asked(node, "c1")
    for number in range(MISSES_MAX - 1):
        await take(node, f"t{number}")
        await report(node, "c1", missed=True)
        assert await code_of(take(node, "again")) == "ROUTING_CALLBACK_NONE"
        node.now += PAUSE_AFTER_MISS
    with called_by("350000", "desk-1"):
        stream = DeskHandlers(node.context, node.parts).WatchHandoffs(desk_pb2.WatchHandoffsRequest(), UNUSED)
        greeting = anext(stream)
        node.parts.desks.telling.start()
        assert not (await greeting).HasField("callback")
        await node.parts.line.sweep()
        ringing = (await anext(stream)).callback
        assert (ringing.call.id, ringing.state, ringing.misses) == ("c1", STATE_OUT[CallbackState.RINGING], 2)
        assert len(await node.context.database.read(lambda tx: store.running_leases(tx, "350100", node.now))) == 1
        await stream.aclose()
    await node.parts.desks.telling.stop()
    await take(node, "last")
    given_back = await report(node, "c1", missed=True)
    assert given_back.state == STATE_OUT[CallbackState.GIVEN_BACK]
    assert await node.outbox() == {"360000": 1}
    assert await node.context.database.read(lambda tx: line.load_wish(tx, "c1")) == Wish()


async def test_a_callback_within_the_province_needs_no_other_node(node: Node) -> None:
    await nobody_takes(node, "h1", LastResortKind.VOICEMAIL, "360400")

    def here(tx: Any) -> None:
        tx.execute(store.handoffs.update().where(store.handoffs.c.id == "h1").values(unit="350100"))

    await node.context.database.write(here)
    await settle(node, "h1", LastResortKind.VOICEMAIL, Wish(recording="vm:350100/7", recording_sha256=bytes(32)))
    taken = await take(node, "t1")
    assert (taken.wish.recording, taken.wish.recording_sha256) == ("vm:350100/7", bytes(32))
    await report(node, "h1", missed=False)
    assert await state_of(node, "h1") == ("completed", "")
    assert set(await node.outbox()) == {HUB}


async def test_a_unit_that_is_not_ours_and_a_story_instead_of_a_number_are_refused(node: Node) -> None:
    with pytest.raises(Refused, match="ROUTING_NUMBER_MALFORMED"):
        await asked(node, "c1", wish=Wish(number="after lunch"))
    with called_by("350000", "desk-1"):
        foreign = pb.TakeCallbackRequest(unit="360400", take_id="t1")
        assert await code_of(handlers(node).TakeCallback(foreign, UNUSED)) == "ROUTING_FROM_UNIT_NOT_HERE"


async def test_a_last_resort_of_which_nobody_speaks_again_is_closed_and_what_was_told_forgotten(node: Node) -> None:
    await nobody_takes(node, "h1", LastResortKind.CALLBACK)
    assert node.now == START
    node.now += timedelta(hours=1, seconds=1)
    await node.parts.handoffs.sweep()
    assert await state_of(node, "h1") == ("returned", "ROUTING_LAST_RESORT_NOT_USED")
    assert await node.context.database.read(lambda tx: store.load_context(tx, "h1")) == ()
