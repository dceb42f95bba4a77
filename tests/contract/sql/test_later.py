"""What a group of works puts off is written with them, or not at all, as if each had written it at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import Connection, MetaData, func, select

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.database import Notes
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.adapters.sql.later import savepoint, settle
from twelve333.api.delivery.v1 import events_pb2
from twelve333.core.delivery.model import Envelope

NOW = datetime(2026, 1, 5, tzinfo=UTC)
TABLES = delivery_tables(MetaData())
BOX = Delivery(TABLES, "320000").outbox


@pytest.fixture(autouse=True)
async def begun(database: Database) -> None:
    await database.write(lambda tx: BOX.begin_epoch(tx, NOW))


def tell(tx: Connection, number: int) -> str:
    return BOX.append(tx, destination="310000", message=events_pb2.Restored(watermark=number), now=NOW)


async def told(database: Database) -> tuple[list[int], list[int]]:
    """Numbers and contents of what is in the outbox, in order; the head agrees with them."""

    def work(tx: Connection) -> list[Envelope]:
        (head,) = BOX.heads(tx)
        events = BOX.pending(tx, head, range(1, head.sequence + 1))
        assert len(events) == head.sequence == tx.scalar(select(func.count()).select_from(TABLES.outbox))
        return events

    events = await database.read(work)
    return [each.sequence for each in events], [events_pb2.Restored.FromString(each.payload).watermark for each in events]


async def test_events_of_many_works_are_numbered_without_gaps_and_those_of_failed_ones_are_not_there(database: Database) -> None:
    def work(tx: Connection, number: int) -> str:
        if number % 4 == 0:
            settle(tx)  # written inside the savepoint of this work, with what the works before it had put off
        event = tell(tx, number)
        if number % 3 == 0:
            settle(tx)
        if number % 5 == 0:
            raise LookupError(number)
        return event

    outcomes = await asyncio.gather(*(database.write(lambda tx, n=n: work(tx, n)) for n in range(60)), return_exceptions=True)
    kept = [number for number in range(60) if number % 5]
    assert [number for number, outcome in enumerate(outcomes) if isinstance(outcome, str)] == kept
    sequences, contents = await told(database)
    assert sequences == list(range(1, len(kept) + 1))
    assert contents == kept


async def test_a_part_that_fails_takes_only_its_own_with_it(database: Database) -> None:
    def work(tx: Connection) -> None:
        tell(tx, 1)
        for number in (2, 3):
            try:
                with savepoint(tx, "part"):
                    tell(tx, number)
                    if number == 2:
                        settle(tx)
                    raise LookupError
            except LookupError:
                continue
        tell(tx, 4)

    await database.write(work)
    assert await told(database) == ([1, 2], [1, 4])


async def test_listeners_are_told_exactly_what_was_committed(database: Database) -> None:
    heard: asyncio.Queue[Notes] = asyncio.Queue()
    database.after_commit(heard.put_nowait)

    def work(tx: Connection, number: int) -> None:
        tell(tx, number)
        settle(tx)
        if number % 2:
            raise LookupError(number)

    await asyncio.gather(*(database.write(lambda tx, n=n: work(tx, n)) for n in range(20)), return_exceptions=True)
    await told(database)
    facts: list[Envelope] = []
    while len(facts) < 10:
        facts += (await asyncio.wait_for(heard.get(), 5)).get("outbox", ())
    assert all(later.sequence == earlier.sequence + 1 for earlier, later in pairwise(facts))
    assert [events_pb2.Restored.FromString(fact.payload).watermark for fact in facts] == list(range(0, 20, 2))
    assert heard.empty()
