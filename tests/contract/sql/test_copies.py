"""What a database keeps of copies: forks and superseded copies of others, alarms, and which process had this database."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.delivery import Appliers, Arrival, Delivery, Received, delivery_tables
from twelve333.adapters.sql.instances import Begun, Home, home_of
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.decision import Refusal
from twelve333.core.delivery.codes import FENCE_OLD, FENCED, FORKED
from twelve333.core.delivery.model import Envelope, OutboxHead, Reason, Receipt

from province_node.store import metadata  # isort: skip

NOW = datetime(2024, 3, 1, 9, tzinfo=UTC)
TYPE = "twelve333.api.cases.v1.CaseStepTaken"
APPLIERS: Appliers = {TYPE: lambda _tx, _inbound, _now: None}
HOME = Home("this machine", free=True)


def member() -> Delivery:
    return Delivery(delivery_tables(metadata), "310000")


def envelope(sequence: int, payload: bytes = b"said", fence: int = 5) -> Envelope:
    return Envelope("320000", "310000", 7, sequence, f"e-{sequence}", "cases", TYPE, NOW, payload, fence=fence)


async def take(database: Database, delivery: Delivery, *envelopes: Envelope) -> Received:
    await database.write(lambda tx: delivery.outbox.epoch(tx) or delivery.outbox.begin_epoch(tx, NOW))
    arrivals = [Arrival("320000", each) for each in envelopes]
    return await database.write(lambda tx: delivery.inbox.receive(tx, arrivals, APPLIERS, NOW))


async def test_a_second_event_under_one_number_has_no_effect_gives_an_alarm_and_is_told_to_the_hub_once(database: Database) -> None:
    delivery = member()
    came = await take(database, delivery, envelope(1), envelope(1, b"other"), envelope(1, b"third"), envelope(1), envelope(2))
    assert [refusal.code for refusal in came.refusals] == [FORKED, FORKED]
    assert (came.counts["applied"], came.counts["duplicates"], came.counts["refused"]) == (2, 1, 2)
    status = await database.read(delivery.status)
    assert [(alarm.member, alarm.code, alarm.count) for alarm in status.alarms] == [("320000", FORKED.name, 2)]
    assert [(line.destination, line.queued) for line in status.outbox] == [("hub", 1)]
    anew = replace(envelope(1), epoch=8, event_id="e-3")
    await take(database, delivery, anew)
    assert (await database.read(delivery.status)).alarms == (), "the origin has begun a new epoch"


async def test_a_superseded_copy_is_refused_by_event_and_receipt_and_over_restarts(database: Database) -> None:
    delivery = member()
    await take(database, delivery, envelope(1, fence=6))
    again = member()
    old = await take(database, again, envelope(2, fence=5))
    assert [refusal.code for refusal in old.refusals] == [FENCE_OLD]
    told = pb.Receipt(watermark=1)
    await database.write(lambda tx: again.outbox.append(tx, destination="320000", message=told, now=NOW))
    (head,) = [each for each in await database.read(again.outbox.heads) if each.destination == "320000"]
    receipt = Receipt("320000", "310000", head.epoch, 1, Reason.APPLIED, fence=5)

    def close(tx: Connection, receipt: Receipt) -> OutboxHead | Refusal | None:
        return again.outbox.close(tx, receipt, "320000", NOW)

    refused = await database.write(lambda tx: close(tx, receipt))
    assert isinstance(refused, Refusal)
    assert refused.code == FENCE_OLD
    closed = await database.write(lambda tx: close(tx, replace(receipt, fence=7)))
    assert isinstance(closed, OutboxHead)
    assert closed.watermark == 1
    assert await database.read(lambda tx: member().fences.seen(tx, "320000")) == 7, "a receipt tells of a newer copy too"
    member_with_floor = member()
    member_with_floor.fences.floor = lambda _member: 9
    later = await take(database, member_with_floor, envelope(2, fence=8))
    assert [refusal.code for refusal in later.refusals] == [FENCE_OLD], "the directory knows of a newer copy"


async def test_ids_of_events_differ_between_copies(database: Database) -> None:
    ids = set()
    for instance in ("aaaaaaaaaaaa", "bbbbbbbbbbbb"):
        delivery = member()
        delivery.standing.instance = instance
        await database.write(lambda tx, d=delivery: d.outbox.epoch(tx) or d.outbox.begin_epoch(tx, NOW))
        made = lambda tx, d=delivery: d.outbox.append(tx, destination="hub", message=pb.Receipt(), now=NOW)  # noqa: E731
        ids.add((await database.write(made)).rpartition("-")[2])
    assert ids == {"aaaaaaaa", "bbbbbbbb"}


async def test_a_process_knows_that_its_predecessor_is_gone_only_at_the_same_home_and_alone(database: Database) -> None:
    instances = member().instances

    async def begin(home: Home) -> Begun:
        return await database.write(lambda tx: instances.begin(tx, home, NOW))

    first = await begin(HOME)
    await database.write(lambda tx: instances.granted(tx, first.instance, 12, HOME, NOW))
    for home, ended in (
        (Home("this machine"), ""),
        (Home("a copy of it", free=True), ""),
        (Home("", free=True), ""),
        (HOME, first.instance),
    ):
        begun = await begin(home)
        assert (begun.ended, begun.fence, begun.fenced) == (ended, 12, False), home
        assert await database.read(instances.newest) == begun.instance


async def test_a_fenced_copy_stays_fenced_until_it_takes_over(database: Database) -> None:
    delivery = member()
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, NOW))
    first = await database.write(lambda tx: delivery.instances.begin(tx, HOME, NOW))
    await database.write(lambda tx: delivery.instances.fenced(tx, NOW))
    await database.write(lambda tx: delivery.alarms.give(tx, "310000", FENCED, "this copy", NOW))
    assert (await database.write(lambda tx: delivery.instances.begin(tx, HOME, NOW))).fenced
    epoch = await database.write(lambda tx: delivery.taken_over(tx, ["hub"], NOW))
    begun = await database.write(lambda tx: delivery.instances.begin(tx, HOME, NOW))
    assert (begun.fenced, begun.fence, begun.ended) == (False, epoch, "")
    assert begun.instance != first.instance
    assert epoch > first.fence
    assert (await database.read(delivery.status)).alarms == ()


async def test_the_home_of_a_database_is_its_own_and_says_whether_it_is_in_use(url: str, tmp_path: Path) -> None:
    here = await home_of(url)
    assert here.free
    assert here == await home_of(url)
    if url.startswith("sqlite"):
        copy = shutil.copyfile(url.removeprefix("sqlite:///"), tmp_path / "copy.db")
        assert (await home_of(f"sqlite:///{copy}")).name != here.name
