"""A member that takes nothing for very long does not fill the others' disks: new work for it is refused, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, MetaData, func, select

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.adapters.sql.outbox import work_of
from twelve333.adapters.sql.restored import begin_line
from twelve333.api.audit.v1 import audit_pb2
from twelve333.api.cases.v1 import events_pb2 as cases
from twelve333.api.registration.v1 import events_pb2 as registration
from twelve333.api.routing.v1 import events_pb2 as routing
from twelve333.core.decision import Kind, Refused
from twelve333.core.delivery.codes import BACKLOG_FULL
from twelve333.core.delivery.model import OutboxHead, Reason, Receipt

NOW = datetime(2026, 1, 5, tzinfo=UTC)
LIMIT = 5
TABLES = delivery_tables(MetaData())
DELIVERY = Delivery(TABLES, "320000", LIMIT)
BOX = DELIVERY.outbox
VITAL = (audit_pb2.AuditHead(), registration.DirectoryChanged(version=1), routing.HandoffEvent())


@pytest.fixture(autouse=True)
async def begun(database: Database) -> None:
    await database.write(lambda tx: BOX.begin_epoch(tx, NOW))


async def work(database: Database, count: int, destination: str = "hub") -> None:
    for _ in range(count):
        await database.write(lambda tx: BOX.append(tx, destination=destination, message=cases.CaseStepTaken(), now=NOW))


async def vital(database: Database, times: int = 1) -> None:
    for message in VITAL * times:
        await database.write(lambda tx, message=message: BOX.append(tx, destination="hub", message=message, now=NOW))


async def receipt(database: Database, watermark: int, reason: Reason = Reason.APPLIED) -> OutboxHead:
    """Of the hub, under our present epoch."""

    def close(tx: Connection) -> OutboxHead:
        head = next(head for head in BOX.heads(tx) if head.destination == "hub")
        after = BOX.close(tx, Receipt("hub", "320000", head.epoch, watermark, reason), "hub", NOW)
        assert isinstance(after, OutboxHead)
        return next(head for head in BOX.heads(tx) if head.destination == "hub")

    return await database.write(close)


async def test_work_beyond_the_limit_is_refused_and_everything_else_goes_on(database: Database) -> None:
    await vital(database, 4)  # fills nothing
    await work(database, LIMIT)
    with pytest.raises(Refused) as caught:
        await work(database, 1)
    assert caught.value.refusal.code == BACKLOG_FULL
    assert caught.value.refusal.code.kind is Kind.UNAVAILABLE
    assert caught.value.refusal.params == {"member": "hub", "waiting": str(LIMIT)}
    await vital(database)
    await work(database, LIMIT, "310000")
    status = await database.read(DELIVERY.status)
    assert [(line.destination, line.queued, line.work) for line in status.outbox] == [("310000", 5, 5), ("hub", 4 * 3 + 5 + 3, 5)]
    assert status.backlog_max == LIMIT
    assert await database.read(DELIVERY.backlog) == {"310000": 1.0, "hub": 1.0}


async def test_a_refused_work_leaves_nothing_of_itself(database: Database) -> None:
    await work(database, LIMIT - 1)

    def too_much(tx: Connection) -> None:
        for _ in range(2):
            BOX.append(tx, destination="hub", message=cases.CaseStepTaken(), now=NOW)

    with pytest.raises(Refused, match="DELIVERY_BACKLOG_FULL"):
        await database.write(too_much)
    assert await database.read(lambda tx: tx.scalar(select(func.count()).select_from(TABLES.outbox))) == LIMIT - 1
    await work(database, 1)


async def test_room_is_made_by_receipts_and_taken_by_what_a_receiver_lost(database: Database) -> None:
    await vital(database)  # 1 to 3
    await work(database, LIMIT)  # 4 to 8
    assert (await receipt(database, 5)).work == 3
    await work(database, 2)
    with pytest.raises(Refused, match="DELIVERY_BACKLOG_FULL"):
        await work(database, 1)
    assert (await receipt(database, 3, Reason.GAP)).work == 7  # the receiver was restored: it is told more again than new work may wait
    with pytest.raises(Refused, match="DELIVERY_BACKLOG_FULL"):
        await work(database, 1)
    assert (await receipt(database, 10)).work == 0
    await work(database, LIMIT)


async def test_a_line_that_is_numbered_anew_counts_what_waits(database: Database) -> None:
    await vital(database)
    await work(database, LIMIT)
    await receipt(database, 6)
    await database.write(lambda tx: begin_line(tx, TABLES, "hub", (1, 0), NOW))
    (head,) = await database.read(BOX.heads)
    assert await database.read(lambda tx: work_of(tx, TABLES, "hub", head.epoch)) == head.work == LIMIT
