"""An entry with an unknown code waits, whole, until the code is mapped; then it is published, and the map holds from then on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.library.stage import CALL, Stage, open_stage

from national_hub.handlers.library_topics import LibraryMappingHandlers
from national_hub.store import library as hub_store
from province_node.store import library as node_store
from twelve333.adapters.library_topics import LibraryTopics
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import mapping_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.library import codes
from twelve333.core.library.model import Entry, EntryKind, ProvenanceStep

MINISTRY = "code,name,status,becomes\n04,工伤,,\n0401,认定,merged,0402\n0402,认定与鉴定,,\n99,其他,,\n"


def _entry(name: str, *topics: str, **more: object) -> Entry:
    usual = {"title": f"题 {name}", "region": "350000", "owner_unit": "350000"}
    return Entry(id=name, kind=EntryKind.QA, body="工伤认定", topics=topics, **usual | more)  # type: ignore[arg-type]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async for one in open_stage([f"sqlite:///{tmp_path / name}.db" for name in ("hub", "node")]):
        yield one


async def _held(stage: Stage, name: str) -> Entry | None:
    held = await stage.hub.database.read(lambda tx: replica.get(tx, hub_store.tables, name))
    return held.entry if held else None


async def _unmapped(stage: Stage) -> list[tuple[str, str, int]]:
    answer = await LibraryMappingHandlers(stage.hub).ListUnmapped(pb.ListUnmappedRequest(), CALL)
    return [(one.province, one.topic, one.entries) for one in answer.unmapped]


async def _map(stage: Stage, topic: str, to: str, province: str = "") -> pb.MapTopicResponse:
    return await LibraryMappingHandlers(stage.hub).MapTopic(pb.MapTopicRequest(topic=topic, to=to, province=province), CALL)


async def test_an_unknown_code_queues_the_entry_and_a_map_publishes_it(stage: Stage) -> None:
    done = await stage.publish(_entry("a", "A-17", "04"), _entry("b", "A-17", "B-2"), _entry("c", "04"))
    assert (done.added, [one.entry_id for one in done.queued], len(done.rejected)) == (1, ["a", "b"], 0)
    assert await _unmapped(stage) == [("350000", "A-17", 2), ("350000", "B-2", 1)]
    first = await _map(stage, "A-17", "0401", "350000")
    assert (first.published, first.waiting, first.release) == (1, 1, 2)
    published = await _held(stage, "a")
    assert published is not None
    assert published.topics == ("0401", "04")
    assert [step.step for step in published.provenance] == [ProvenanceStep.MAPPED]
    assert (await _map(stage, "B-2", "04")).published == 1
    assert await _unmapped(stage) == []
    assert (await stage.publish(_entry("d", "A-17"))).added == 1  # the map holds from now on
    assert len((await stage.publish(_entry("e", "A-17", owner_unit="320000"))).queued) == 1  # for that province


async def test_what_waits_is_replaced_by_its_next_text_and_leaves_when_it_is_published(stage: Stage) -> None:
    await stage.publish(_entry("a", "A-17"))
    await stage.publish(_entry("a", "B-2"))
    assert await _unmapped(stage) == [("350000", "B-2", 1)]
    await stage.publish(_entry("a", "04"))
    assert await _unmapped(stage) == []


async def test_strict_queues_nothing_and_a_wrong_entry_does_not_wait(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        await stage.publish(_entry("a", "A-17"), strict=True)
    assert refused.value.refusal.code is codes.PUBLICATION_REJECTED
    done = await stage.publish(_entry("b", "A-17", title=""))
    assert ([one.code for one in done.rejected], len(done.queued)) == (["LIBRARY_TITLE_MISSING"], 0)
    assert await _unmapped(stage) == []
    with pytest.raises(Refused) as unknown:
        await _map(stage, "A-17", "A-18")
    assert unknown.value.refusal.code is codes.TOPIC_UNKNOWN


async def test_the_ministry_s_table_comes_with_the_release_and_merged_codes_follow_it_everywhere(stage: Stage) -> None:
    await stage.publish(_entry("old", "0401"), _entry("local", "0401.350000-3"))
    table = Entry("topics", EntryKind.TOPICS, "部颁分类代码", MINISTRY, ("99",))
    done = await stage.publish(table, _entry("new", "0401"), _entry("wages", "0601"))
    assert (done.added, [one.entry_id for one in done.queued]) == (2, ["wages"])
    assert (new := await _held(stage, "new")) is not None and new.topics == ("0402",)
    await stage.copy()
    listed = (await LibraryTopics(stage.node.database, node_store.tables).ListTopics(pb.ListTopicsRequest(), CALL)).topics
    assert {one.code: (one.rolls_up_to, one.entries) for one in listed} == {
        "04": ("04", 0),
        "0401": ("0402", 0),
        "0402": ("0402", 3),
        "99": ("99", 1),
    }
