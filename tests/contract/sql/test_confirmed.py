"""Since when events are confirmed: known by marks, so that no confirmed event is written again, and none that waits is ever deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql.confirmed import confirmed_before, forget_marks, mark_confirmed
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.api.delivery.v1 import events_pb2
from twelve333.core.delivery.model import OutboxHead, Reason, Receipt

from province_node.store import metadata  # isort: skip

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLES = delivery_tables(metadata)
DELIVERY = Delivery(TABLES, "320000")


@pytest.fixture
async def told(database: Database) -> Database:
    """A database in which three events wait for one destination."""

    def work(tx: Connection) -> None:
        DELIVERY.outbox.begin_epoch(tx, NOW)
        for number in range(3):
            DELIVERY.outbox.append(tx, destination="310000", message=events_pb2.Restored(watermark=number), now=NOW)

    await database.write(work)
    return database


def confirm(tx: Connection, watermark: int, reason: Reason = Reason.APPLIED) -> None:
    receipt = Receipt("310000", "320000", DELIVERY.outbox.epoch(tx), watermark, reason)
    assert isinstance(DELIVERY.outbox.close(tx, receipt, "310000", NOW), OutboxHead)


async def old(database: Database, moment: datetime) -> list[int]:
    """The sequences of events that were confirmed before that moment."""
    return await database.read(lambda tx: [row.sequence for row in tx.execute(confirmed_before(TABLES, moment))])


async def test_an_event_counts_as_confirmed_since_the_first_mark_that_reached_it(told: Database) -> None:
    for watermark, hours in ((1, 0), (1, 1), (2, 2)):
        await told.write(lambda tx, w=watermark: None if w == 1 and hours else confirm(tx, w))  # noqa: B023 - awaited at once
        await told.write(lambda tx, h=hours: mark_confirmed(tx, TABLES, NOW + h * HOUR))
    assert [await old(told, NOW + hours * HOUR) for hours in (0, 1, 2, 3)] == [[], [1], [1], [1, 2]]
    await told.write(lambda tx: forget_marks(tx, TABLES, NOW + 2 * HOUR))
    assert await old(told, NOW + 2 * HOUR) == []


async def test_what_a_receiver_lost_is_not_old_any_more(told: Database) -> None:
    await told.write(lambda tx: confirm(tx, 3))
    await told.write(lambda tx: mark_confirmed(tx, TABLES, NOW))
    await told.write(lambda tx: confirm(tx, 1, Reason.GAP))
    await told.write(lambda tx: mark_confirmed(tx, TABLES, NOW + HOUR))
    await told.write(lambda tx: confirm(tx, 3))
    assert await old(told, NOW + 2 * HOUR) == [1]
    assert await old(told, NOW + HOUR) == []


async def test_a_mark_never_makes_an_event_old_that_waits(told: Database) -> None:
    row = {"destination": "310000", "sequence": 3, "confirmed_at": NOW}  # as the release before would leave it behind
    await told.write(lambda tx: tx.execute(TABLES.outbox_confirmed.insert().values(**row, epoch=DELIVERY.outbox.epoch(tx))))
    await told.write(lambda tx: confirm(tx, 1))
    assert await old(told, NOW + HOUR) == [1]


async def test_what_a_line_left_behind_in_an_earlier_epoch_is_confirmed(told: Database) -> None:
    await told.write(lambda tx: confirm(tx, 2))
    await told.write(lambda tx: DELIVERY.outbox.begin_epoch(tx, NOW + HOUR))
    await told.write(lambda tx: mark_confirmed(tx, TABLES, NOW))
    assert await old(told, NOW + HOUR) == [1, 2]  # the third was numbered anew and waits
    waiting = (await told.read(DELIVERY.status)).outbox
    assert [(line.queued, line.oldest_queued_at) for line in waiting] == [(1, NOW)]


async def test_marks_are_made_only_when_a_line_has_moved(told: Database) -> None:
    for _ in range(3):
        await told.write(lambda tx: mark_confirmed(tx, TABLES, NOW))
    assert len(await told.read(lambda tx: tx.execute(select(TABLES.outbox_confirmed)).all())) == 1


@pytest.mark.parametrize(("service", "before"), [("province_node", "0038"), ("national_hub", "0037")])
async def test_what_the_release_before_noted_in_the_events_becomes_marks_by_the_day(service: str, before: str, empty_url: str) -> None:
    migrate.upgrade_to(service, empty_url, before)
    opened = open_database(empty_url)
    row = {"destination": "310000", "epoch": 5, "type": "x", "key": "", "payload": b"", "occurred_at": NOW, "trace": {}}
    closed = {1: NOW, 2: NOW + HOUR, 3: NOW + 30 * HOUR, 4: None}
    rows = [{**row, "sequence": number, "event_id": f"e-{number}", "closed_at": at} for number, at in closed.items()]
    await opened.write(lambda tx: tx.execute(TABLES.outbox.insert(), rows))
    migrate.upgrade(service, empty_url)
    query = select(TABLES.outbox_confirmed).order_by(TABLES.outbox_confirmed.c.sequence)
    marks = await opened.read(lambda tx: [tuple(mark) for mark in tx.execute(query)])
    await opened.close()
    assert marks == [("310000", 5, 2, NOW + HOUR), ("310000", 5, 3, NOW + 30 * HOUR)]
