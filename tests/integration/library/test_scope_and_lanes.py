"""Part of the library, within the caps of a line; what is urgent goes past them; what an old node does not know it hands on."""

from __future__ import annotations

import asyncio
from datetime import time, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tests.support.library import Hub, World, entry

from province_node.library import AT_ONCE_MAX
from twelve333.adapters.library_traffic import Traffic
from twelve333.api.library.v1 import library_pb2, service_pb2
from twelve333.core.decision import Refused
from twelve333.core.library import codes
from twelve333.core.library.copying import Lane
from twelve333.core.library.model import Scope, TombstoneReason
from twelve333.core.library.pacing import Cap
from twelve333.wire.library import content_of


async def test_a_node_copies_only_its_topics_and_regions_and_steps_keep_it_so(world: World) -> None:
    hub = await world.hub()
    node = await world.node(scope=Scope(topics=("04",), regions=("350000",)))
    here, there = entry("here", region="350100"), entry("there", region="360100")
    await hub.publish(entry("nation"), here, there, entry("other", topics=("0101",)))
    assert await node.step()
    assert await node.found("工伤") == ["here", "nation"]
    held = await node.held()
    assert held is not None and held.scope == node.pull.scope and held.entry_count == 2
    await hub.publish(entry("here", region="360100"), entry("there", region="350200"), entry("other", "养老", topics=("0101",)))
    assert await node.step()
    assert hub.way.asked[-1].startswith("log")
    assert await node.found("工伤") == ["nation", "there"]
    await hub.publish(remove="nation", reason=TombstoneReason.REPEALED)
    assert await node.step()
    assert await node.found("工伤") == ["there"]


async def test_another_scope_takes_only_what_is_lacking(world: World) -> None:
    hub, node = await world.hub(), await world.node(scope=Scope(regions=("350000",)))
    await hub.publish(*(entry(f"e{i}", region="350100" if i % 2 else "360100") for i in range(40)))
    await node.step()
    before = sum(len(frame.payload) for frame in hub.way.sent)
    node.pull.scope = Scope()
    assert await node.step()
    assert len(await node.found("工伤")) == 40
    assert sum(len(frame.payload) for frame in hub.way.sent) > before
    assert await node.held() == await hub.release()


async def test_a_node_with_everything_serves_one_with_a_part(world: World) -> None:
    hub, sibling = await world.hub(), await world.node("360000")
    node = await world.node("350000", scope=Scope(regions=("350000",)), others=["360000"])
    await hub.publish(entry("a", region="350100"), entry("b", region="360100"))
    await sibling.step()
    world.addresses["hub"] = "127.0.0.1:1"
    with pytest.raises(Exception, match="another part"):
        await node.step()


async def test_a_cap_holds_at_its_hours_and_not_at_others(world: World) -> None:
    """200 kbit a second from 08:00 to 18:00 in Beijing; it is 09:00 there."""
    seconds = iter(range(1 << 30))
    traffic = Traffic([Cap(time(8), time(18), 200)], world.clock, seconds=lambda: 0.0)
    waited: list[float] = []

    async def wait(pause: float) -> None:
        waited.append(pause)

    traffic._wait = wait  # type: ignore[method-assign]
    await traffic.turn(Lane.NORMAL, 1_000_000)
    assert sum(waited) >= (1_000_000 - 65_536) / 25_000 - 5
    waited.clear()
    await traffic.turn(Lane.URGENT, 1_000_000)
    world.later(hours=12)
    await traffic.turn(Lane.NORMAL, 1_000_000)
    assert waited == [] and next(seconds) == 0


async def test_what_is_urgent_overtakes_what_waits_for_its_cap(world: World) -> None:
    """A repeal is in use within 5 s though a mass of changes would take minutes under the cap."""
    traffic = Traffic([Cap(time(0), time(0), 8)], world.clock)
    hub, node = await world.hub(), await world.node(traffic=traffic)
    await hub.publish(entry("bad"))
    await node.step()
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(3000))
    await hub.publish(*(entry(f"e{i:04}", noise[i:] + noise[:i]) for i in range(300)), lane=Lane.BULK)
    step = asyncio.create_task(node.step())
    async with asyncio.timeout(5):
        while not hub.way.sent[1:]:
            await asyncio.sleep(0)
        assert "bad" in await node.found("工伤")
        await hub.publish(remove="bad", reason=TombstoneReason.PUBLISHED_IN_ERROR)
        traffic.hurry()
        assert await step
    assert await node.found("工伤") == []
    assert (await node.held()) == await hub.release()


async def test_bulk_yields_while_something_else_goes(world: World) -> None:
    traffic = Traffic((), world.clock)
    with traffic.using(Lane.NORMAL):
        waiting = asyncio.create_task(traffic.turn(Lane.BULK, 1))
        await asyncio.sleep(0)
        assert not waiting.done()
        await asyncio.wait_for(traffic.turn(Lane.NORMAL, 1), 1)
    await asyncio.wait_for(waiting, 2)


def _newer() -> tuple[bytes, object]:
    """An entry as a program writes it that knows a field more than this one, and how that program reads entries."""
    file = descriptor_pb2.FileDescriptorProto()
    library_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = "newer.proto", "newer"
    for each in file.message_type:
        for field in each.field:
            if field.type_name:
                field.type_name = field.type_name.replace(".twelve333.api.library.v1.", ".newer.")
    message = next(each for each in file.message_type if each.name == "Entry")
    kind = descriptor_pb2.FieldDescriptorProto
    message.field.add(name="answered_by_phone", number=900, type=kind.TYPE_STRING, label=kind.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_timestamp())
    pool.Add(file)
    newer = message_factory.GetMessageClass(pool.FindMessageTypeByName("newer.Entry"))
    made = newer.FromString(content_of(entry("a")))
    made.answered_by_phone = "12333"  # type: ignore[attr-defined]
    return made.SerializeToString(), newer


def _timestamp() -> bytes:
    from google.protobuf import timestamp_pb2

    return timestamp_pb2.DESCRIPTOR.serialized_pb


async def test_an_old_node_keeps_and_forwards_fields_that_it_does_not_know(world: World) -> None:
    """A field added by a newer program comes from the hub through a node that does not know it to a third, by log and by parts."""
    content, newer = _newer()
    hub, old = await world.hub(), await world.node("360000")
    third = await world.node("350000", others=["360000"])
    await hub.publish(content)
    await old.step()
    world.addresses["hub"] = "127.0.0.1:1"
    assert await third.step()
    from province_node.store import library as store
    from twelve333.adapters.sql import library as replica

    held = await third.context.database.read(lambda tx: replica.get(tx, store.tables, "a"))
    assert held is not None and held.content == content
    assert newer.FromString(held.content).answered_by_phone == "12333"  # type: ignore[attr-defined]


async def _mass(hub: Hub, **last: Any) -> None:
    """A mass of changes, and behind it something urgent."""
    await hub.publish(*(entry(f"e{i:04}", "养老金") for i in range(AT_ONCE_MAX + 1)), lane=Lane.BULK)
    await hub.publish(*last.pop("changed", ()), **last)


async def test_what_is_repealed_or_corrected_is_shown_to_nobody_while_a_mass_of_changes_is_on_its_way(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("good"), entry("wrong"), entry("gone"))
    await node.step()
    assert await node.found("工伤") == ["gone", "good", "wrong"]
    await _mass(hub, changed=[entry("wrong", "失业金")], remove="gone", lane=Lane.URGENT)
    hub.way.cut_after = len(hub.way.sent) + 1  # the line breaks as soon as it is known what is urgent
    with pytest.raises(grpc.aio.AioRpcError):
        await node.step()
    assert (await node.found("工伤"), (await node.listed())) == (["good"], ["good"])
    for name in ("wrong", "gone"):
        with pytest.raises(Refused) as withheld:
            await node.get(name)
        assert withheld.value.refusal.code is codes.ENTRY_WITHHELD
    hub.way.cut_after = None
    assert await node.step()
    assert (await node.found("失业"), await node.found("工伤")) == (["wrong"], ["good"])
    assert await node.held() == await hub.release()


async def test_what_was_withheld_for_a_release_that_does_not_hold_is_shown_again(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("good"), entry("gone"))
    await node.step()
    await _mass(hub, remove="gone")
    hub.way.frame = lambda frame: frame if len(hub.way.sent) == 2 else service_pb2.Frame(encoding=frame.encoding, payload=b"x")
    with pytest.raises(Refused):
        await node.step()
    assert await node.found("工伤") == ["gone", "good"]


async def test_only_the_hub_can_have_something_withheld(world: World) -> None:
    hub, sibling = await world.hub(), await world.node("360000")
    node = await world.node("350000", others=["360000"])
    await hub.publish(entry("gone"))
    await node.step()
    await _mass(hub, remove="gone")
    await sibling.step()
    world.addresses["hub"], sibling.way.cut_after = "127.0.0.1:1", 0
    with pytest.raises(grpc.aio.AioRpcError):
        await node.step()
    assert await node.found("工伤") == ["gone"]


async def test_a_checkpoint_is_signed_anew_in_good_time_and_fetched_by_the_next_poll(world: World) -> None:
    from national_hub.handlers.library_copying import renew_checkpoint

    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    assert not await renew_checkpoint(hub.context)
    world.later(days=8)
    assert await renew_checkpoint(hub.context)
    assert not await node.step()
    held = await node.held()
    assert held == await hub.release() and held.expires_at == world.now + timedelta(days=14)
    assert await node.told() == ["ReleaseApplied"]
