"""Events set aside: applied again by the same applier, in order about one thing, or given up; never shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.delivery import Appliers, Arrival, Delivery, Inbound, Received, delivery_tables
from twelve333.core.decision import Refused, refuse
from twelve333.core.delivery.codes import APPLIER_FAILED, ENVELOPE_MALFORMED, PARKED_EARLIER, PARKED_NOT_FOUND, TYPE_UNKNOWN
from twelve333.core.delivery.model import Envelope
from twelve333.core.delivery.parked import ParkedEvent

from province_node.store import metadata  # isort: skip

NOW = datetime(2024, 3, 1, 9, tzinfo=UTC)
TYPE = "twelve333.api.cases.v1.CaseStepTaken"
delivery = Delivery(delivery_tables(metadata), "310000")
broken = refuse(APPLIER_FAILED, type=TYPE, error="ValueError")


def envelope(sequence: int, key: str = "case-1", type_name: str = TYPE) -> Envelope:
    return Envelope("320000", "310000", 7, sequence, f"e-{sequence}", "cases", type_name, NOW, b"secret %d" % sequence, key)


async def park(database: Database, *envelopes: Envelope) -> None:
    for each in envelopes:
        await database.write(lambda tx, each=each: receive(tx, each))


def receive(tx: Connection, each: Envelope) -> Received:
    return delivery.inbox.receive(tx, [Arrival("320000", each)], {}, NOW, park_first=broken)


async def listed(database: Database) -> list[ParkedEvent]:
    return (await database.read(lambda tx: delivery.parked.list(tx)))[0]


async def test_what_is_set_aside_is_listed_without_what_it_says(database: Database) -> None:
    await park(database, envelope(1), envelope(2, key="case-2"))
    first, second = await listed(database)
    assert (first.event_id, first.type, first.key, first.code, first.parked_at) == ("e-1", TYPE, "case-1", APPLIER_FAILED.name, NOW)
    assert (second.sequence, second.retries, second.retried_at) == (2, 0, None)
    assert "secret" not in repr(first)
    assert await database.read(lambda tx: delivery.parked.list(tx, "350000")) == ([], 0)
    assert len((await database.read(lambda tx: delivery.parked.list(tx, most=1)))[0]) == 1


async def test_a_retry_applies_it_once_and_counts_it(database: Database) -> None:
    await park(database, envelope(1))
    seen: list[Inbound] = []
    appliers: Appliers = {TYPE: lambda _tx, inbound, _now: seen.append(inbound)}
    assert await database.write(lambda tx: delivery.parked.retry(tx, "320000", "e-1", appliers, NOW)) is None
    assert [(each.message, each.key, each.sequence) for each in seen] == [(b"secret 1", "case-1", 1)]
    assert await listed(database) == []
    (line,) = (await database.read(delivery.status)).inbox
    assert (line.applied, line.parked) == (1, 0)
    with pytest.raises(Refused) as refused:
        await database.write(lambda tx: delivery.parked.retry(tx, "320000", "e-1", appliers, NOW))
    assert refused.value.refusal.code == PARKED_NOT_FOUND


async def test_a_retry_that_fails_leaves_nothing_behind_but_its_count(database: Database) -> None:
    await park(database, envelope(1))

    def spoil(tx: Connection, _inbound: Inbound, _now: datetime) -> None:
        tx.execute(delivery_tables(metadata).inbox_parked.delete())
        raise Refused(refuse(ENVELOPE_MALFORMED, reason="test"))

    failure = await database.write(lambda tx: delivery.parked.retry(tx, "320000", "e-1", {TYPE: spoil}, NOW))
    assert failure is not None
    (event,) = await listed(database)
    assert (event.code, event.retries, event.retried_at) == (ENVELOPE_MALFORMED.name, 1, NOW)
    unknown = await database.write(lambda tx: delivery.parked.retry(tx, "320000", "e-1", {}, NOW))
    assert unknown is not None and unknown.code == TYPE_UNKNOWN


async def test_events_about_one_thing_are_retried_in_the_order_in_which_they_were_told(database: Database) -> None:
    await park(database, envelope(1), envelope(2, key="case-2"), envelope(3))
    appliers: Appliers = {TYPE: lambda _tx, _inbound, _now: None}
    with pytest.raises(Refused) as refused:
        await database.write(lambda tx: delivery.parked.retry(tx, "320000", "e-3", appliers, NOW))
    assert refused.value.refusal.code == PARKED_EARLIER
    assert refused.value.refusal.params["earlier"] == "e-1"
    for event_id in ("e-2", "e-1", "e-3"):
        assert await database.write(lambda tx, it=event_id: delivery.parked.retry(tx, "320000", it, appliers, NOW)) is None


async def test_what_was_dropped_is_gone_and_does_not_come_back(database: Database) -> None:
    await park(database, envelope(1), envelope(2))
    dropped = await database.write(lambda tx: delivery.parked.drop(tx, "320000", "e-1"))
    assert dropped.event_id == "e-1"
    again = await database.write(lambda tx: receive(tx, envelope(1)))
    assert again.counts["duplicates"] == 1
    assert [event.event_id for event in await listed(database)] == ["e-2"]
