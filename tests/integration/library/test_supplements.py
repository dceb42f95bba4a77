"""A province's own words beside a national entry: seen at its desks only, and kept through every update."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from tests.integration.library.proposals_stage import BODY, FUJIAN, JIANGXI, LAW, Library, both

from province_node.handlers.library import library_handlers
from province_node.handlers.supplements import SupplementHandlers
from province_node.store import library as node_library
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposals_pb2
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.core.ids import HUB
from twelve333.core.library.merkle import root_of


async def _put(library: Library, text: str = "福建：可在闽政通申请。", at: str = "三十日") -> proposals_pb2.Supplement:
    library.fujian.speak("bo")
    asked = pb.PutSupplementRequest(supplement_id="s1", entry_id="injury", unit="350100", at=at, text=text)
    return await SupplementHandlers(library.fujian.context).PutSupplement(asked, cast("Any", None))


async def _beside(library: Library, member: str) -> list[str]:
    """The supplements that desks of a member see with the entry, when they read it and when they search."""
    reading = library_handlers(library.members[member].context)
    read = await reading.GetEntry(library_pb.GetEntryRequest(id="injury"), cast("Any", None))
    found = await reading.Search(library_pb.SearchRequest(query="工伤认定办法"), cast("Any", None))
    assert [each.text for each in found.hits[0].supplements] == [each.text for each in read.supplements]
    return [each.text for each in read.supplements]


async def test_a_supplement_is_seen_at_its_province_only_and_is_no_part_of_the_library(library: Library) -> None:
    await library.publish(LAW)
    before = await library.fujian.database.read(lambda tx: root_of(replica.leaves(tx, node_library.tables).values()))
    await _put(library)
    assert await _beside(library, FUJIAN) == ["福建：可在闽政通申请。"]
    assert await _beside(library, JIANGXI) == []
    after = await library.fujian.database.read(lambda tx: root_of(replica.leaves(tx, node_library.tables).values()))
    assert before == after
    heads = await library.fujian.database.read(library.fujian.delivery.outbox.heads)
    assert [head.sequence for head in heads if head.destination == HUB] == [1]  # the report of the release, nothing of the supplement


@both
async def test_a_supplement_survives_every_update_and_is_a_task_once_its_paragraph_reads_differently(library: Library) -> None:
    await library.publish(LAW)
    await _put(library)
    await library.publish(replace(LAW, title="新题", body="第零条 新增。\n\n" + BODY))
    assert not (await library.fujian.speak("bo").ListTasks(pb.ListTasksRequest(), None)).tasks
    await library.publish(replace(LAW, body=BODY.replace("三十日", "九十日")))
    (task,) = (await library.fujian.speak("bo").ListTasks(pb.ListTasksRequest(), None)).tasks
    (clash,) = task.clashes
    assert (clash.base, clash.theirs, clash.mine) == (
        "第二条 职工应当在三十日内提出申请。",
        "第二条 职工应当在九十日内提出申请。",
        "福建：可在闽政通申请。",
    )
    assert await _beside(library, FUJIAN) == ["福建：可在闽政通申请。"]
    await library.fujian.proposals.ResolveTask(pb.ResolveTaskRequest(task_id="s1", text="福建：九十日内可在闽政通申请。"), None)
    assert not (await library.fujian.proposals.ListTasks(pb.ListTasksRequest(), None)).tasks
    assert await _beside(library, FUJIAN) == ["福建：九十日内可在闽政通申请。"]
    await library.publish(replace(LAW, body="全文改写"))
    await library.fujian.speak("bo").ResolveTask(pb.ResolveTaskRequest(task_id="s1", take=pb.TAKE_THEIRS), None)
    assert await _beside(library, FUJIAN) == []
