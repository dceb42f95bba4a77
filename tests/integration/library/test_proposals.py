"""A proposal goes from a province to the library and comes back as a release; nobody writes past the review of two persons."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.integration.library.proposals_stage import (
    BODY,
    FUJIAN,
    JIANGXI,
    LAW,
    LONGER,
    START,
    Library,
    Member,
    accepted,
    both,
    code_of,
    propose,
    review,
)

from national_hub.handlers.library import LibraryPublishHandlers
from national_hub.store import library as hub_library
from national_hub.store import proposals as hub_proposals
from province_node.handlers.proposals import ProposalHandlers as NodeHandlers
from province_node.handlers.proposals import proposal_appliers
from province_node.store import delivery_of as node_delivery
from province_node.store import library as node_library
from province_node.store import proposals as node_proposals
from twelve333.adapters.library_reading import held_release
from twelve333.adapters.library_returns import ask_for_steps
from twelve333.adapters.signing.statements import Signature, Verifier
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import open_database
from twelve333.api.library.v1 import library_pb2, proposals_pb2
from twelve333.api.library.v1 import proposal_service_pb2 as pb
from twelve333.api.library.v1 import service_pb2 as library_pb
from twelve333.core.decision import Refused
from twelve333.core.decision import accepted as accept_or_raise
from twelve333.core.ids import HUB
from twelve333.core.library import codes
from twelve333.core.library.model import Entry, EntryKind, ProvenanceStep, Tombstone, TombstoneReason
from twelve333.core.library.proposals import Person, Resolved, Reviewed, Stamp, Text, Verdict
from twelve333.core.library.proposals_machine import apply
from twelve333.core.library.proposals_meeting import Present, text_from
from twelve333.core.library.sheets import Sheet
from twelve333.core.library.topics import TABLE_CODE
from twelve333.wire.library import content_of, tombstone_to_wire
from twelve333.wire.proposals import agreed_said, step_to_wire
from twelve333.wire.sheets import sheet_of


@both
async def test_what_a_city_proposes_is_in_the_next_release_at_every_node_and_the_proposer_sees_it(library: Library) -> None:
    await library.publish(LAW)
    made = await propose(library, LONGER, sources=["社会保险法第三十六条"], note="与上位法一致")
    assert (made.proposal.proposer.unit, made.proposal.proposer.name) == ("350100", "anna")
    assert await library.fujian.state() == "province_review"
    assert await library.entry(FUJIAN) == LAW  # a proposal is never a write
    await accepted(library)
    for member in (FUJIAN, JIANGXI, HUB):
        entry = await library.entry(member)
        assert entry is not None and entry.body == LONGER.body
    assert (await library.fujian.state(), await library.hub.state()) == ("accepted", "accepted")
    shown = await library.fujian.speak("anna").GetProposal(pb.GetProposalRequest(proposal_id=f"{FUJIAN}-p1"), None)
    assert (shown.proposal.published.release, shown.proposal.published.version) == (2, 2)


async def test_the_entry_says_where_it_comes_from_under_both_members_signatures(library: Library, tmp_path: Path) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await accepted(library)
    entry = await library.entry(JIANGXI)
    assert entry is not None
    steps = [(one.step, one.by, one.on, one.reference) for one in entry.provenance]
    day = date(2014, 3, 30)
    assert steps == [
        (ProvenanceStep.PROPOSED, "350100", day, f"{FUJIAN}-p1"),
        (ProvenanceStep.REVIEWED, FUJIAN, day, f"{FUJIAN}-p1"),
        (ProvenanceStep.ACCEPTED, "000000", day, f"{FUJIAN}-p1"),
    ]
    proposal = await library.hub.database.read(lambda tx: hub_proposals.store.load(tx, f"{FUJIAN}-p1"))
    assert proposal is not None
    check = Verifier(next((tmp_path / "pki").rglob("ca.crt")).parent, lambda _key: False, lambda: datetime.now(UTC)).check
    for member, one in ((FUJIAN, entry.provenance[1]), (HUB, entry.provenance[2])):
        said = agreed_said(proposal, Verdict.ACCEPT)
        assert check(member, said, Signature(one.signature, one.chain)) is None
        assert check(member, said + b"!", Signature(one.signature, one.chain)) is not None


async def test_with_the_hub_away_a_proposal_waits_in_the_outbox_and_goes_on_later(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await review(library.fujian, "bo")
    assert await library.fujian.state() == "ministry_review"
    assert await code_of(library.hub.state()) == "LIBRARY_PROPOSAL_NOT_FOUND"
    await library.carry()
    assert await library.hub.state() == "ministry_review"


async def test_the_same_asked_again_changes_nothing(library: Library) -> None:
    await library.publish(LAW)
    once = await propose(library, LONGER)
    assert (await propose(library, LONGER)).proposal.version == once.proposal.version == 2
    await accepted(library)
    assert (await review(library.hub, "li")).version == 5
    assert (await library.hub.database.read(lambda tx: held_release(tx, hub_library.tables)))[0].number == 2  # type: ignore[index]


async def test_two_persons_look_at_it_on_both_sides(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    assert await code_of(review(library.fujian, "anna")) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"
    await review(library.fujian, "bo")
    await library.carry()
    assert (await review(library.hub, "he")).approvals == 1
    assert (await review(library.hub, "he")).approvals == 1
    assert await library.hub.state() == "ministry_review"
    listed = await library.hub.speak("li").ListProposals(pb.ListProposalsRequest(to_review=True), None)
    assert [each.proposal_id for each in listed.proposals] == [f"{FUJIAN}-p1"]
    listed = await library.hub.speak("he").ListProposals(pb.ListProposalsRequest(to_review=True), None)
    assert list(listed.proposals) == []


async def test_a_returned_proposal_comes_back_with_its_reason_and_goes_up_again(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await review(library.fujian, "bo")
    await library.carry()
    await review(library.hub, "he", Verdict.RETURN, reason="请附依据")
    await library.carry()
    mine = await library.fujian.speak("anna").ListProposals(pb.ListProposalsRequest(mine=True), None)
    assert [(each.returned_because, each.waits_for_you) for each in mine.proposals] == [("请附依据", False)]
    await propose(library, replace(LONGER, sources=("社会保险法",)), note="已附")
    await accepted(library)
    entry = await library.entry()
    assert entry is not None and entry.sources == ("社会保险法",)


async def test_what_changed_meanwhile_elsewhere_is_kept_by_the_merge(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await library.publish(replace(LAW, title="工伤认定办法（2014）", body=BODY.replace("自公布之日", "自2014年7月1日")))
    await accepted(library)
    entry = await library.entry()
    assert entry is not None
    assert entry.title == "工伤认定办法（2014）"
    assert "六十日" in entry.body and "2014年7月1日" in entry.body


@pytest.mark.parametrize(
    ("take", "words"), [(pb.TAKE_MINE, "六十日"), (pb.TAKE_UNSPECIFIED, "七十五日")], ids=["the proposal's words", "words of one's own"]
)
async def test_a_clash_is_a_task_with_both_texts_and_nobody_accepts_before_it_is_decided(
    library: Library, take: pb.Take.ValueType, words: str
) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await review(library.fujian, "bo")
    await library.carry()
    await library.publish(replace(LAW, body=BODY.replace("三十日", "九十日")))
    assert await code_of(review(library.hub, "he")) == "LIBRARY_PROPOSAL_CLASHES"
    (task,) = (await library.hub.speak("ma").ListTasks(pb.ListTasksRequest(), None)).tasks
    (clash,) = task.clashes
    assert [next(n for n in ("三十", "六十", "九十") if n in side) for side in (clash.base, clash.mine, clash.theirs)] == [
        "三十",
        "六十",
        "九十",
    ]
    own = b"" if take else content_of(replace(LAW, body=BODY.replace("三十日", words)))
    await library.hub.proposals.ResolveTask(pb.ResolveTaskRequest(task_id=task.task_id, take=take, entry=own), None)
    assert not (await library.hub.proposals.ListTasks(pb.ListTasksRequest(), None)).tasks
    if own:
        assert await code_of(review(library.hub, "ma")) == "LIBRARY_PROPOSAL_REVIEWER_IS_AUTHOR"
    for name in ("he", "li"):
        await review(library.hub, name)
    await library.carry()
    await library.copy()
    entry = await library.entry()
    assert entry is not None and words in entry.body
    assert await library.fujian.state() == "accepted"


async def test_a_clash_in_the_province_is_decided_there(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await library.publish(replace(LAW, body=BODY.replace("三十日", "九十日")))
    assert await code_of(review(library.fujian, "bo")) == "LIBRARY_PROPOSAL_CLASHES"
    (task,) = (await library.fujian.speak("bo").ListTasks(pb.ListTasksRequest(), None)).tasks
    theirs = pb.ResolveTaskRequest(task_id=task.task_id, take=pb.TAKE_THEIRS)
    assert await code_of(library.fujian.proposals.ResolveTask(theirs, None)) == "LIBRARY_PROPOSAL_NOTHING_CHANGES"
    await library.fujian.proposals.ResolveTask(pb.ResolveTaskRequest(task_id=task.task_id, take=pb.TAKE_MINE), None)
    await accepted(library)
    entry = await library.entry()
    assert entry is not None and "六十日" in entry.body


@both
async def test_a_new_entry_shows_what_is_like_it_and_may_be_merged_into_that(library: Library) -> None:
    await library.publish(LAW, replace(LAW, id="pension", title="养老金", body="申请养老金要多久"))
    fresh = replace(LONGER, id="injury-fujian", title="工伤认定办法（福建）")
    made = await propose(library, fresh, kind=proposals_pb2.PROPOSAL_KIND_NEW)
    assert [(each.entry_id, each.similarity > 0.7) for each in made.alike] == [("injury", True)]
    differing = [(row.left, row.right) for row in made.alike[0].rows if not row.same]
    assert differing == [("第二条 职工应当在三十日内提出申请。", "第二条 职工应当在六十日内提出申请。")]
    await review(library.fujian, "bo")
    await library.carry()
    merged = content_of(replace(LAW, body=BODY + "\n\n第四条 福建另有规定的从其规定。"))
    await review(library.hub, "he", Verdict.MERGE, merge_into="injury", merged=merged)
    await review(library.hub, "li", Verdict.MERGE, merge_into="injury")
    await library.carry()
    await library.copy()
    assert await library.fujian.state() == "merged"
    entry = await library.entry()
    assert entry is not None and "第四条" in entry.body
    assert entry.provenance[-1].step is ProvenanceStep.MERGED
    assert await library.entry(entry_id="injury-fujian") is None


async def test_a_merge_is_said_again_when_its_entry_has_changed(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, replace(LONGER, id="other"), kind=proposals_pb2.PROPOSAL_KIND_NEW)
    await review(library.fujian, "bo")
    await library.carry()
    await review(library.hub, "he", Verdict.MERGE, merge_into="injury")
    await library.publish(replace(LAW, title="新题"))
    assert await code_of(review(library.hub, "li", Verdict.MERGE, merge_into="injury")) == "LIBRARY_PROPOSAL_MERGE_TARGET_CHANGED"


async def test_a_removal_takes_the_entry_out_of_every_node(library: Library) -> None:
    await library.publish(LAW, replace(LAW, id="newer"))
    stone = tombstone_to_wire(Tombstone(TombstoneReason.MERGED, "newer"))
    asked = pb.ProposeRequest(proposal_id=f"{FUJIAN}-p1", kind=proposals_pb2.PROPOSAL_KIND_REMOVE, entry_id="injury", tombstone=stone)
    made = await library.fujian.speak("anna").Propose(asked, None)
    assert made.proposal.title == "工伤认定办法"
    await accepted(library)
    assert await library.entry() is None
    assert await library.hub.state() == "accepted"


async def test_a_seal_that_the_province_did_not_make_is_refused(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    parts = library.fujian.proposals.parts
    library.fujian.proposals.parts = replace(parts, sign=lambda said: parts.sign(said + b"another text"))
    await review(library.fujian, "bo")
    with pytest.raises(AssertionError, match="DELIVERY_SIGNATURE_WRONG"):
        await library.carry()
    assert await library.hub.state() == "province_review"


async def test_fields_that_nobody_here_knows_survive_a_proposal(library: Library) -> None:
    later = content_of(LAW) + b"\xfa\x07\x05later"  # field 127 of a newer program

    async def stream() -> AsyncIterator[library_pb.PublishEntriesRequest]:
        yield library_pb.PublishEntriesRequest(header=library_pb.PublishHeader())
        yield library_pb.PublishEntriesRequest(entry=later)

    library.hub.speak("he")
    await LibraryPublishHandlers(library.hub.context).PublishEntries(stream(), cast("Any", SimpleNamespace(invocation_metadata=lambda: ())))
    await library.copy()
    await propose(library, LONGER)
    await accepted(library)
    held = await library.members[JIANGXI].database.read(lambda tx: replica.get(tx, node_library.tables, "injury"))
    assert held is not None and b"\xfa\x07\x05later" in held.content
    assert "六十日" in library_pb2.Entry.FromString(held.content).body


async def test_a_field_that_hides_another_entrys_id_is_refused(library: Library) -> None:
    await library.publish(LAW, replace(LAW, id="victim"))
    await propose(library, replace(LAW, title="新题"))
    proposal = await library.fujian.database.read(lambda tx: node_proposals.store.load(tx, f"{FUJIAN}-p1"))
    assert proposal is not None
    hidden = library_pb2.Entry(title="新题").SerializeToString() + library_pb2.Entry(id="victim").SerializeToString()
    sheet = sheet_of(content_of(LAW))
    assert isinstance(sheet, Sheet)
    target = Sheet({**sheet.fields, str(library_pb2.Entry.TITLE_FIELD_NUMBER): hidden}, sheet.paragraphs)
    forged = text_from(Present(sheet, 1), target, "新题")
    assert isinstance(forged, Text)
    step = Resolved(Stamp(proposal.proposal_id, 3, Person(FUJIAN, FUJIAN, "mallory"), proposal.last.stamp.at), forged)
    await library.fujian.database.write(lambda tx: library.fujian.proposals.keep(tx, accept_or_raise(apply(proposal, step))))
    await review(library.fujian, "bo")
    await library.carry()
    await review(library.hub, "he")
    assert await code_of(review(library.hub, "li")) == "LIBRARY_PROPOSAL_STEP_MALFORMED"
    assert (await library.entry(HUB, "victim")) == replace(LAW, id="victim")


async def _put_back(library: Library, backup: Path) -> None:
    """The province's node goes on from a backup, and asks for what it has forgotten."""
    delivery, before = node_delivery(FUJIAN), library.fujian
    await before.database.close()
    database = open_database(f"sqlite:///{backup}")
    now = START + timedelta(days=1)
    await database.write(lambda tx: delivery.restored(tx, [HUB], now))
    await database.write(lambda tx: ask_for_steps(tx, delivery.outbox, [HUB], START, now))
    context = replace(before.context, database=database, outbox=delivery.outbox)
    parts = replace(before.proposals.parts, audit=context.audit, outbox=delivery.outbox)
    appliers = {**before.appliers, **proposal_appliers(context)}
    library.members[FUJIAN] = Member(FUJIAN, database, delivery, appliers, NodeHandlers(context, parts), context)
    library.hub.read.clear()


async def test_a_node_put_back_to_a_backup_gets_back_what_it_and_the_ministry_had_decided(library: Library, tmp_path: Path) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await library.carry()
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(tmp_path / f"{FUJIAN}.db")) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    await accepted(library)
    await _put_back(library, backup)
    assert await library.fujian.state() == "province_review"
    await library.carry()
    await library.carry()
    assert await library.fujian.state() == "accepted"
    stores = (library.hub, hub_proposals.store), (library.fujian, node_proposals.store)
    here, there = [await one.database.read(lambda tx, s=store: s.load(tx, f"{FUJIAN}-p1")) for one, store in stores]
    assert here == there
    await library.fujian.database.close()


async def test_nobody_hands_a_member_steps_of_its_own_that_it_has_not_forgotten(library: Library) -> None:
    await library.publish(LAW)
    await propose(library, LONGER)
    await library.carry()
    stamp = Stamp(f"{FUJIAN}-p1", 3, Person(FUJIAN, FUJIAN, "bo"), START)
    told = proposals_pb2.ProposalStepTaken(step=step_to_wire(Reviewed(stamp, 1, Verdict.ACCEPT)))
    await library.hub.database.write(lambda tx: library.hub.delivery.outbox.append(tx, destination=FUJIAN, message=told, now=START))
    with pytest.raises(AssertionError, match="LIBRARY_PROPOSAL_STEP_MALFORMED"):
        await library.carry()
    assert await library.fujian.state() == "province_review"


CODES = """code,name,status,becomes
04,工伤,,
0401,认定,merged,0402
0402,认定与鉴定,,
05,失业,split,06|07
06,失业金,,
07,稳岗,,
99,其他,,
"""


async def test_codes_of_a_proposal_are_those_of_the_signed_classification_and_not_of_the_program(library: Library) -> None:
    await library.publish(LAW, Entry("topics", EntryKind.TOPICS, "部颁分类代码", CODES, ("99",)))
    for topic, code in (("0601", codes.TOPIC_UNKNOWN), ("05", codes.TOPIC_SPLIT), ("0402.福建-3", codes.TOPIC_UNKNOWN)):
        with pytest.raises(Refused) as refused:
            await propose(library, replace(LONGER, topics=(topic,)))
        assert refused.value.refusal.code is code
        assert [one.path for one in refused.value.refusal.violations] == ["topics"]
    assert refused.value.refusal.violations[0].params["topic"] == "0402.福建-3"
    await propose(library, replace(LONGER, topics=("0401", "0401.350000-3", "07")))
    await accepted(library)
    assert (held := await library.entry()) is not None
    assert held.topics == ("0402", "0402.350000-3", "07")


async def test_a_province_proposes_its_own_table_of_codes_under_the_ministrys(library: Library) -> None:
    await library.publish(LAW)
    own = Entry("topics-350000", EntryKind.TOPICS, "福建分类代码", "code,name\n04.360000-1,别省\n", ("99",), region=FUJIAN)
    assert await code_of(propose(library, own, kind=proposals_pb2.PROPOSAL_KIND_NEW)) == TABLE_CODE.name
