"""A node copies the library: whole, in steps, broken off, from a restored hub, from another province, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

import grpc
import pytest
from tests.support.library import Hub, Node, World, entry

from national_hub.handlers.library import LibrarySyncHandlers
from national_hub.store import registration
from province_node.library import last_refusal
from province_node.library_intake import Intake
from province_node.store import library as node_store
from province_node.store import library_frames
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_staging as staging
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.library.merkle import root_of
from twelve333.core.library.model import TombstoneReason
from twelve333.core.registration.model import Member
from twelve333.wire.library_frames import FRAME_CHANGES_MAX

MANY = FRAME_CHANGES_MAX * 2 + 50


async def _same(hub: Hub, node: Node) -> None:
    """The node holds what the hub holds, root and all, and nothing is left over."""
    wanted, held = await hub.release(), await node.held()
    assert held == wanted
    leaves = await node.context.database.read(lambda tx: replica.leaves(tx, node_store.tables))
    assert root_of(leaves.values()) == wanted.root
    left = await node.context.database.read(lambda tx: (staging.staged_leaves(tx, node_store.staging), node_store.progress(tx)))
    assert left == (([], []), node_store.Progress())


async def _many(hub: Hub) -> None:
    await hub.publish(*(entry(f"e{i:04}", f"工伤 {i}") for i in range(MANY)))


async def test_a_first_copy_then_steps_keep_the_node_equal(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await hub.publish(entry("a"), entry("b"), entry("c", "养老金"))
    assert await node.step()
    await _same(hub, node)
    assert await node.found("工伤") == ["a", "b"]
    await hub.publish(entry("b", "失业金"), entry("d"))
    await hub.publish(remove="a")
    assert await node.step()
    await _same(hub, node)
    assert (await node.found("工伤"), node.way.asked, hub.way.asked[-2:]) == (["d"], [], ["checkpoint", "log 3"])
    assert await node.told() == ["ReleaseApplied", "ReleaseApplied"]


async def test_a_poll_without_change_takes_less_than_200_bytes(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    from province_node.library_source import Source

    source, held = Source(node.context.peers, "hub"), await node.held()
    offered = await source.checkpoint(held, node.pull.scope)
    assert offered.document is None and source.wire_bytes <= 40
    assert not await node.step()
    assert await node.told() == ["ReleaseApplied"]


async def test_nothing_is_visible_before_the_first_release_is_whole(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await _many(hub)
    hub.way.cut_after = 2
    with pytest.raises(grpc.aio.AioRpcError):
        await node.step()
    with pytest.raises(Refused) as empty:
        await node.found("工伤")
    assert empty.value.refusal.code.name == "LIBRARY_NOTHING_APPLIED"
    hub.way.cut_after = None
    assert await node.step()
    await _same(hub, node)


async def test_a_first_copy_that_broke_off_sends_at_most_one_frame_again(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await _many(hub)
    hub.way.cut_after = 2
    with pytest.raises(grpc.aio.AioRpcError):
        await node.step()
    hub.way.cut_after = None
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) <= MANY // FRAME_CHANGES_MAX + 1 + 1


async def test_frames_that_had_come_when_a_node_died_are_not_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, node = await world.hub(), await world.node()
    await _many(hub)

    async def dies(*_: Any) -> None:
        async with asyncio.timeout(20):
            while len(await node.context.database.read(partial(library_frames.waiting, log=False))) < 3:
                await asyncio.sleep(0)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(Intake, "take_parts", dies)
        await node.step()
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) == 3
    assert await node.context.database.read(partial(library_frames.waiting, log=False)) == []


async def test_changes_that_had_come_when_a_node_died_are_not_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    await hub.publish(*(entry(f"e{i:04}", f"工伤 {i}") for i in range(FRAME_CHANGES_MAX + 50)))
    took = Intake.take

    async def dies(intake: Intake, changes: Any, *_: Any) -> None:
        await took(intake, changes[:100], *_[:-1])
        await intake.settled()
        async with asyncio.timeout(20):
            while len(await node.context.database.read(partial(library_frames.waiting, log=True))) < 2:
                await asyncio.sleep(0)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(Intake, "take", dies)
        await node.step()
    assert await node.found("工伤") == ["a"]
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) == 1 + 2


async def test_differences_that_had_come_and_were_taken_in_part_are_not_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, node = await world.hub(), await world.node()
    texts = {f"e{i:04}": "".join(chr(0x4E00 + (i * 31 + n * 7919) % 20000) for n in range(400)) for i in range(120)}
    await hub.publish(*(entry(name, text) for name, text in texts.items()))
    await node.step()
    await hub.publish(*(entry(name, f"{text}修改") for name, text in texts.items()))
    sent, took = len(hub.way.sent), Intake.take

    async def dies(intake: Intake, changes: Any, *rest: Any) -> None:
        await took(intake, changes[:50], *rest[:-1])
        await intake.settled()
        raise RuntimeError("killed")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(Intake, "take", dies)
        await node.step()
    assert (await node.context.database.read(node_store.progress)).sequence == 120 + 50
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) - sent == 1


async def test_of_parts_only_the_frame_that_was_on_its_way_is_sent_again(
    world: World, both_urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await _many(hub)
    keep = library_frames.keep

    def dies(tx: Any, position: int, *rest: Any, **more: Any) -> None:
        if position == 2:
            raise RuntimeError("killed")
        keep(tx, position, *rest, **more)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(library_frames, "keep", dies)
        await node.step()
    assert len(hub.way.sent) == 2
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) == 3 + 1


async def test_of_a_log_only_the_frame_that_was_on_its_way_is_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    await _many(hub)
    sent, keep = len(hub.way.sent), library_frames.keep

    def dies(tx: Any, position: int, *rest: Any, **more: Any) -> None:
        if position == 2:
            raise RuntimeError("killed")
        keep(tx, position, *rest, **more)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr(library_frames, "keep", dies)
        await node.step()
    assert len(hub.way.sent) - sent == 2  # whatever the line would have held
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) - sent == 3 + 1
    asked = [FRAME_CHANGES_MAX * frames + 1 for frames in (0, 1, 1, 2)]
    assert [what for what in hub.way.asked if what.startswith("log")] == [f"log {after}" for after in asked]


async def test_a_hub_of_the_release_before_sends_everything_at_once(world: World) -> None:
    hub, node, late = await world.hub(), await world.node(), await world.node("360000")
    await hub.publish(entry("a"))
    await node.step()
    await _many(hub)
    hub.way.older = True
    assert await node.step() and await late.step()
    await _same(hub, node)
    await _same(hub, late)
    asked = [what for what in hub.way.asked if what == "parts" or what.startswith("log")]
    assert asked == ["parts", "log 1", "parts"]


async def test_kept_frames_that_cannot_be_read_are_asked_for_again(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.context.database.write(lambda tx: library_frames.keep(tx, 1, pb.Frame(payload=b"x").SerializeToString(), log=False))
    assert await node.step()
    await _same(hub, node)
    assert await node.context.database.read(partial(library_frames.waiting, log=False)) == []


async def test_changes_that_broke_off_go_on_where_they_were_and_stay_unseen_until_whole(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await hub.publish(entry("a"))
    await node.step()
    await _many(hub)
    hub.way.cut_after, first = len(hub.way.sent) + 2, len(hub.way.sent)
    with pytest.raises(grpc.aio.AioRpcError):
        await node.step()
    assert await node.found("工伤") == ["a"]
    hub.way.cut_after = None
    await hub.publish(entry("e0001", "养老"), remove="e0000")
    assert await node.step()
    await _same(hub, node)
    assert await node.found("养老") == ["e0001"]
    assert len(hub.way.sent) - first <= 4


async def test_a_change_travels_as_the_difference_to_the_text_held(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    text = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(4000))
    await hub.publish(entry("a", text))
    await node.step()
    await hub.publish(entry("a", text.replace(text[2000], "工伤")))
    await node.step()
    await _same(hub, node)
    assert len(hub.way.sent[1].payload) < len(hub.way.sent[0].payload) / 20


async def test_a_node_older_than_the_horizon_compares_parts_and_takes_only_what_differs(world: World) -> None:
    hub, node = await world.hub(removals_kept_days=1), await world.node()
    await _many(hub)
    await node.step()
    await hub.publish(remove="e0000", reason=TombstoneReason.REPEALED)
    world.later(days=2)
    await hub.publish(entry("e0001", "养老"))
    before = len(hub.way.sent)
    assert await node.step()
    await _same(hub, node)
    assert hub.way.asked[-2:] == ["digests ", "parts"]
    assert len(hub.way.sent) == before + 1


async def test_what_has_been_swept_is_gone_from_the_index(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await hub.publish(entry("a", "工伤"), entry("b", "工伤"))
    await node.step()
    await hub.publish(entry("a", "养老"), remove="b")
    await node.step()
    rows = await node.context.database.read(
        lambda tx: (tx.exec_driver_sql("SELECT count(*) FROM library_contents").scalar(), replica.leaves(tx, node_store.tables))
    )
    assert rows[0] == len(rows[1]) == 1
    assert (await node.found("工伤"), await node.found("养老")) == ([], ["a"])


async def test_a_restored_hub_is_followed_under_its_new_epoch_without_copying_again(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await _many(hub)
    await node.step()
    await hub.context.database.write(lambda tx: hub.context.outbox.begin_epoch(tx, world.now + timedelta(hours=1)))
    await hub.publish(entry("c"), remove="e0000")
    before = len(hub.way.sent)
    assert await node.step()
    await _same(hub, node)
    assert len(hub.way.sent) == before + 1


async def test_a_publication_during_a_copy_does_not_disturb_it(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await _many(hub)

    async def published() -> None:
        await hub.publish(entry("e0300", "改过"), remove="e0299")

    came = iter(range(1 << 30))
    take = node.pull._parts

    async def parts(*args: Any) -> None:
        if next(came) == 0:
            await published()
        await take(*args)

    node.pull._parts = parts  # type: ignore[method-assign]
    assert await node.step()
    await _same(hub, node)
    assert await node.found("改过") == ["e0300"]


async def test_any_node_can_serve_any_other_while_the_hub_is_away(world: World, both_urls: list[str]) -> None:
    hub, sibling = await world.hub(both_urls[0]), await world.node("360000", url=both_urls[1])
    node = await world.node("350000", others=["360000"])
    await _many(hub)
    await sibling.step()
    await node.step()
    await hub.publish(entry("x", "失业金"), remove="e0001")
    await sibling.step()
    world.addresses["hub"] = "127.0.0.1:1"
    assert await node.step()
    assert sibling.way.asked == ["checkpoint", f"log {MANY}"]
    assert await node.held() == await sibling.held()
    assert await node.found("失业") == ["x"]
    newcomer = await world.node("320000", others=["350000"])
    assert await newcomer.step()
    assert await newcomer.held() == await sibling.held()


async def test_a_node_of_the_release_before_is_still_served(world: World) -> None:
    hub = await world.hub()
    await hub.publish(entry("a"), entry("b"))
    answers = LibrarySyncHandlers(hub.context).PullChanges(pb.PullChangesRequest(), cast("Any", None))
    parts = [part async for part in answers]
    assert parts[0].header.change_count == 2
    assert parts[1].frame.encoding == pb.FRAME_ENCODING_ZLIB


async def test_publishing_tells_every_member_and_says_what_was_left_out(world: World, both_urls: list[str]) -> None:
    hub, fuzhou = await world.hub(both_urls[0]), Member("350000", "127.0.0.1:1", "01", world.now)
    await hub.context.database.write(lambda tx: registration.save_member(tx, fuzhou))
    answer = await hub.publish(entry("a"), replace(entry("b"), region="77"))
    assert (answer.added, answer.release.number) == (1, 1)
    assert [(one.index, one.entry_id, one.code) for one in answer.rejected] == [(1, "b", "LIBRARY_REGION_MALFORMED")]
    assert "77" in answer.rejected[0].message
    again = await hub.publish(entry("a"))
    assert (again.unchanged, again.release.number) == (1, 1)
    heads = await hub.context.database.read(hub.context.outbox.heads)
    assert [(head.destination, head.sequence) for head in heads] == [("350000", 1)]


async def test_a_refusal_is_told_once_and_forgotten_when_all_is_well(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    await hub.publish(entry("a", "甲"), entry("b"))
    hub.way.frame = lambda frame: pb.Frame(encoding=frame.encoding, payload=frame.payload[:-1] + b"x")
    for _ in range(2):
        with pytest.raises(Refused):
            await node.step()
    assert await node.found("工伤") == ["a"]
    assert await node.context.database.read(last_refusal) == "LIBRARY_FRAME_UNREADABLE"
    assert await node.told() == ["ReleaseApplied", "ReleaseRefused"]
    hub.way.frame = lambda frame: frame
    assert await node.step()
    assert await node.context.database.read(last_refusal) == ""
    await _same(hub, node)
