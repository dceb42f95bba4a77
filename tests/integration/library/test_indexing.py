"""When a node indexes what comes: few changes after they are in use, many as they come."""

from __future__ import annotations

from tests.support.library import Hub, Node, World, entry

from province_node.library import LibraryPull
from province_node.library_check import LibraryCheck
from province_node.store import library as node_store
from twelve333.adapters.sql import library_waiting as waiting
from twelve333.core.ids import HUB

MANY = waiting.ROWS_MAX + 20


async def _many(hub: Hub) -> None:
    await hub.publish(*(entry(f"e{i:04}", f"工伤 {i}") for i in range(MANY)))


async def _taken(node: Node) -> None:
    """A release is in use; the node ends there, and does nothing of what follows."""
    async with node.pull.lock:
        assert await node.pull.copy_from(HUB)


async def _waiting(node: Node) -> list[int]:
    return await node.context.database.read(lambda tx: waiting.rows_of(tx, node_store.tables))


async def test_few_changes_are_in_use_before_they_are_indexed_and_the_next_run_indexes_them(world: World, both_urls: list[str]) -> None:
    hub, node = await world.hub(both_urls[0]), await world.node(url=both_urls[1])
    await _many(hub)
    await node.step()
    await hub.publish(entry("e0001", "怎么领失业金"), entry("new", "失业金"))
    await hub.publish(remove="e0002")
    await _taken(node)
    assert sorted(await node.found("失业金")) == ["e0001", "new"]
    assert len(await _waiting(node)) == 2
    assert not await LibraryPull(node.context).step()
    assert await _waiting(node) == []
    assert sorted(await node.found("失业金")) == ["e0001", "new"]
    report = await LibraryCheck(node.context, node.pull, lambda: ()).run(repair=False)
    assert (report.damaged, report.entries) == ({}, MANY)


async def test_many_changes_are_indexed_as_they_come(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"))
    await node.step()
    await _many(hub)
    await _taken(node)
    assert await _waiting(node) == []
    assert f"e{MANY - 1:04}" in await node.found(str(MANY - 1))


async def test_a_check_does_not_take_what_waits_for_the_index_for_damage(world: World) -> None:
    hub, node = await world.hub(), await world.node()
    await hub.publish(entry("a"), entry("b"))
    await node.step()
    await hub.publish(entry("b", "失业金"))
    await _taken(node)
    assert await _waiting(node)
    report = await LibraryCheck(node.context, node.pull, lambda: ()).run(repair=False)
    assert (report.damaged, await _waiting(node)) == ({}, [])
