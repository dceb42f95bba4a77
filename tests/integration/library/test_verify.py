"""`library verify` finds one flipped byte anywhere with less than 2 KB over the wire, and mends it from the hub or another province."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, text
from tests.support.library import Hub, Node, World, entry

from province_node.library_check import INDEX, LibraryCheck, Report
from province_node.store import library as node_store
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library_check import Damage
from twelve333.core.decision import Refused
from twelve333.core.library.model import Scope

ENTRIES = 600
REMOVE = "INSERT INTO library_index(library_index, rowid, grams) VALUES ('delete', :row, :g)"
RENAME = "UPDATE library_entries SET entry_id = 'x' WHERE entry_id = :name"
NAME = "e0123"


async def _filled(world: World, **more: Any) -> Node:
    node = await world.node(**more)
    await node.step()
    return node


async def _hub(world: World) -> Hub:
    hub = await world.hub()
    await hub.publish(*(entry(f"e{i:04}", f"工伤 {i}", region="350100" if i % 2 else "000000") for i in range(ENTRIES)))
    return hub


def _flip(node: Node, table: str, column: str, byte: int = 9) -> Any:
    """Change one byte of one column of one entry, as a disk does: nothing else notices."""

    def work(tx: Connection) -> None:
        row = "SELECT row_id FROM library_entries WHERE entry_id = :name"
        value = tx.execute(text(f"SELECT {column} FROM {table} WHERE row_id = ({row})"), {"name": NAME}).scalar_one()
        if isinstance(value, int):
            changed: Any = value ^ 2
        else:
            raw = bytearray(value.encode() if isinstance(value, str) else value)
            raw[min(byte, len(raw) - 1)] ^= 1
            changed = raw.decode(errors="replace") if isinstance(value, str) else bytes(raw)
        tx.execute(text(f"UPDATE {table} SET {column} = :value WHERE row_id = ({row})"), {"value": changed, "name": NAME})

    return node.context.database.write(work)


async def _check(node: Node, repair: bool = True, others: tuple[str, ...] = (), member: str = "") -> Report:
    return await LibraryCheck(node.context, node.pull, lambda: others).run(repair, member)


async def _whole(node: Node) -> None:
    """Nothing is damaged any more, and the entry is found."""
    again = await _check(node)
    assert (again.damaged, again.wire_bytes, again.entries) == ({}, 0, ENTRIES)
    held = await node.context.database.read(lambda tx: replica.get(tx, node_store.tables, NAME))
    assert held is not None and held.entry.body == "工伤 123"
    assert NAME in await node.found("工伤 123")


@pytest.mark.parametrize(
    ("table", "column", "damage"),
    [
        ("library_contents", "content", Damage.CONTENT),
        ("library_entries", "digest", Damage.CONTENT),
        ("library_entries", "title", Damage.METADATA),
        ("library_entries", "topics", Damage.METADATA),
        ("library_entries", "version", Damage.METADATA),
        ("library_entries", "release", Damage.METADATA),
        ("library_entries", "sequence", Damage.METADATA),
    ],
)
async def test_one_flipped_byte_is_found_with_2_kb_and_mended(world: World, table: str, column: str, damage: Damage) -> None:
    await _hub(world)
    node = await _filled(world)
    await _flip(node, table, column)
    report = await _check(node)
    assert (report.damaged, report.repaired) == ({NAME: damage}, {NAME})
    assert report.wire_bytes <= 2048
    await _whole(node)


async def test_a_flipped_byte_in_the_index_is_found_and_mended_from_the_text_here(world: World) -> None:
    await _hub(world)
    node = await _filled(world)

    def flip(tx: Connection) -> None:
        row = tx.execute(text("SELECT row_id FROM library_entries WHERE entry_id = :name"), {"name": NAME}).scalar_one()
        for grams, how in (("工伤", "delete"), ("工仿", None)):
            if how:
                tx.execute(
                    text("INSERT INTO library_index(library_index, rowid, grams) VALUES ('delete', :row, :g)"), {"row": row, "g": grams}
                )
            else:
                tx.execute(text("INSERT INTO library_index(rowid, grams) VALUES (:row, :g)"), {"row": row, "g": grams})

    await node.context.database.write(flip)
    world.addresses["hub"] = "127.0.0.1:1"
    report = await _check(node)
    assert (report.damaged, report.repaired, report.wire_bytes) == ({NAME: Damage.INDEX}, {NAME}, 0)
    await _whole(node)


async def test_an_index_that_cannot_be_read_is_filled_anew(world: World) -> None:
    await _hub(world)
    node = await _filled(world)
    await node.context.database.write(lambda tx: tx.execute(text("UPDATE library_index_data SET block = x'00ff' WHERE id > 10")))
    report = await _check(node)
    assert (report.damaged.get(INDEX), INDEX in report.repaired) == (Damage.INDEX, True)
    await _whole(node)


async def test_repair_from_another_province_while_the_hub_is_away(world: World) -> None:
    await _hub(world)
    sibling = await _filled(world, province="360000")
    node = await _filled(world, province="350000")
    world.addresses["hub"] = "127.0.0.1:1"
    await _flip(node, "library_contents", "content")
    with pytest.raises(Refused) as nobody:
        await _check(node, member="hub")
    assert nobody.value.refusal.code.name == "LIBRARY_NOBODY_TO_REPAIR_FROM"
    alone = await _check(node, repair=False, member="hub")
    assert (alone.damaged, alone.repaired, alone.member) == ({NAME: Damage.CONTENT}, set(), "")
    report = await _check(node, others=("360000",))
    assert (report.member, report.repaired) == ("360000", {NAME})
    assert "parts" in sibling.way.asked
    await _whole(node)


async def test_a_province_that_hands_over_something_else_is_passed_over(world: World) -> None:
    await _hub(world)
    liar = await _filled(world, province="360000")
    node = await _filled(world, province="350000")
    await _flip(liar, "library_contents", "content", 20)
    await _flip(node, "library_contents", "content")
    with pytest.raises(Refused):
        await _check(node, member="360000")
    assert (await _check(node)).member == "hub"
    await _whole(node)


async def test_what_is_lost_or_left_over_is_found_without_repair_and_then_mended(world: World) -> None:
    await _hub(world)
    node = await _filled(world)
    await node.context.database.write(lambda tx: tx.execute(text(RENAME), {"name": NAME}))
    found = await _check(node, repair=False)
    assert (found.damaged, found.repaired) == ({NAME: Damage.PRESENCE, "x": Damage.METADATA}, set())
    assert (await _check(node)).repaired == {NAME, "x"}
    await _whole(node)


async def test_a_part_of_the_library_has_a_root_of_its_own_and_is_checked_by_it(world: World) -> None:
    await _hub(world)
    node = await _filled(world, scope=Scope(regions=("350100",)))
    await _flip(node, "library_contents", "content")
    report = await _check(node)
    assert (report.repaired, report.entries) == ({NAME}, ENTRIES)
    other = await _filled(world, province="360000", scope=Scope(regions=("320000",)))
    assert (await _check(other)).entries == ENTRIES // 2
