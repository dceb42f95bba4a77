"""A province's own words beside a national entry: seen at its desks only, and kept through every update."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any, cast

from tests.integration.library.proposals_stage import BODY, FUJIAN, JIANGXI, LAW, Library, both

from province_node.handlers.library import library_handlers
from province_node.handlers.supplements import SupplementedReading, SupplementHandlers
from province_node.store import library as node_library
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import proposals_pb2
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.core.ids import HUB
from twelve333.core.library.merkle import root_of
from twelve333.core.library.model import Entry, EntryKind


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


async def _found(reading: SupplementedReading, query: str, **more: Any) -> list[library_pb.SearchHit]:
    asked = library_pb.SearchRequest(query=query, **more)
    return list((await reading.Search(asked, cast("Any", None))).hits)


@both
async def test_desks_of_the_province_find_an_entry_by_its_supplement_and_see_which_words_are_whose(library: Library) -> None:
    await library.publish(LAW, Entry("other", EntryKind.QA, "失业金怎么领", "到经办窗口申请。", ("0501",)))
    here, elsewhere = (library_handlers(library.members[name].context) for name in (FUJIAN, JIANGXI))
    assert await _found(here, "闽政通") == []
    await _put(library, "福建：可在闽政通小程序申请，窗口在鼓楼区。")
    for query, literal in (("闽政通", True), ("鼓楼", True), ("闽", True), ("闽政通怎么申请工伤", False)):
        hit = (await _found(here, query))[0]
        assert (hit.entry.entry.id, hit.lane == library_pb.SEARCH_LANE_LITERAL) == ("injury", literal)
        assert [one.supplement_id for one in hit.supplement_matches] == [one.supplement_id for one in hit.supplements] == ["s1"]
        assert "闽政通" in hit.supplement_matches[0].snippet
        national = [hit.snippet, hit.sentence, hit.article, hit.citation, *hit.matched]
        assert not [one for one in national if "闽" in one or "鼓楼" in one]
    both_texts = await _found(here, "闽政通 总则")  # a word of each text
    assert [hit.entry.entry.id for hit in both_texts if hit.lane == library_pb.SEARCH_LANE_LITERAL] == ["injury"]
    (national,) = await _found(here, "三十日")
    assert (national.article, list(national.supplement_matches)) == ("第二条", [])
    assert await _found(elsewhere, "闽政通") == []
    await _put(library, "福建：可在e福州申请。")
    assert ([len(await _found(here, word)) for word in ("闽政通", "e福州")]) == [0, 1]
    library.fujian.speak("bo")
    removal = pb.RemoveSupplementRequest(supplement_id="s1")
    await SupplementHandlers(library.fujian.context).RemoveSupplement(removal, cast("Any", None))
    assert await _found(here, "e福州") == []


@both
async def test_words_of_a_supplement_count_where_and_when_its_entry_does(library: Library) -> None:
    """In force on the day asked about, after an update of the entry, and not once the entry is gone."""
    await library.publish(replace(LAW, valid_from=date(2014, 1, 1), valid_to=date(2015, 1, 1)))
    await _put(library)
    here = library_handlers(library.fujian.context)
    assert [len(await _found(here, "闽政通", as_at=day)) for day in ("2013-12-31", "2014-01-01", "2015-01-01")] == [0, 1, 0]
    (ended,) = await _found(here, "闽政通", as_at="2016-01-01", include_not_in_force=True)
    assert not ended.in_force
    await library.publish(replace(LAW, body="第零条 新增。\n\n" + BODY))
    assert [hit.entry.version for hit in await _found(here, "闽政通")] == [2]
    await library.publish(remove="injury")
    assert await _found(here, "闽政通") == []
