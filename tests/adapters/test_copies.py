"""A process that may not be the one copy says nothing, takes nothing and closes nothing; one that was held up asks before it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import MetaData
from tests.adapters.test_guarded_bus import Broker

from twelve333.adapters.copies import Copies
from twelve333.adapters.relay.fenced import FencedBus, FencedDirect
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.adapters.sql.instances import Home
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.decision import Refused, refuse
from twelve333.core.delivery.codes import COPY_UNDECIDED, FENCE_OLD, FENCED
from twelve333.core.delivery.leases import Claim, Copy
from twelve333.core.delivery.model import Envelope, Receipt

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HOME = Home("here", free=True)
FENCE = 2_000_000_000_000  # beyond the epoch
metadata = MetaData()
tables = delivery_tables(metadata)


class Hub:
    """Answers what a test wants it to: a fence, or a refusal, or nothing at all (OSError)."""

    def __init__(self, *answers: int | Refused | OSError) -> None:
        self.answers, self.asked = list(answers), list[Claim]()

    async def __call__(self, asked: Claim) -> int:
        self.asked.append(asked)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'node.db'}")
    await opened.write(lambda tx: metadata.create_all(tx))
    await opened.write(lambda tx: Delivery(tables, "310000").outbox.begin_epoch(tx, NOW))
    yield opened
    await opened.close()


async def begun(database: Database, hub: Hub) -> tuple[Delivery, Copies]:
    delivery = Delivery(tables, "310000")
    copies = Copies(database, delivery, HOME, lambda: NOW, hub)
    await copies.begin()
    return delivery, copies


fenced = Refused(refuse(FENCED, member="310000"))
undecided = Refused(refuse(COPY_UNDECIDED, member="310000"))


async def test_without_a_hub_it_works_alone_and_with_one_under_the_fence_it_grants(database: Database) -> None:
    hub = Hub(OSError(), FENCE, OSError())
    delivery, copies = await begun(database, hub)
    assert delivery.standing.copy is Copy.ALONE
    await copies.ready()
    await copies.step()
    assert (delivery.standing.copy, delivery.standing.fence) == (Copy.SOLE, FENCE)
    await copies.step()
    assert (delivery.standing.copy, delivery.standing.fence) == (Copy.ALONE, FENCE), "it keeps the fence that it had"
    assert hub.asked[0].beat == hub.asked[1].beat != hub.asked[2].beat, "asked again with the same beat until there is an answer"
    assert hub.asked[2].before == hub.asked[1].beat
    _, later = await begun(database, again := Hub(FENCE + 1))
    assert (again.asked[0].fence, again.asked[0].ended) == (FENCE, copies.begun.instance)
    assert later.begun.instance != copies.begun.instance


async def test_a_fenced_copy_tells_takes_closes_and_begins_nothing_for_good(database: Database) -> None:
    delivery, copies = await begun(database, Hub(FENCE, fenced, FENCE + 1))
    broker, heard = Broker(), list[str]()
    bus = FencedBus(broker, delivery.standing, copies.ready)
    bus.on_receipt(lambda subject, _: heard.append(subject))
    await bus.publish([("t333.ev.310000.hub.cases", b"")])
    await copies.step()
    broker.comes("t333.ev.320000.310000.cases")
    with pytest.raises(Refused, match=FENCED.name):
        await bus.publish([("t333.ev.310000.hub.cases", b"")])
    assert await bus.fetch(10, 0.01) == []
    await bus.send_receipt("t333.rc.310000.320000", b"")
    broker.listeners[0]("t333.rc.320000.310000", b"")
    assert (len(broker.published), broker.receipts, broker.forgotten, heard) == (1, [], [], [])
    with pytest.raises(Refused, match=FENCED.name):
        await database.write(lambda tx: delivery.outbox.append(tx, destination="hub", message=pb.Receipt(), now=NOW))
    await copies.step()
    assert delivery.standing.copy is Copy.FENCED
    again, _ = await begun(database, Hub())
    assert again.standing.copy is Copy.FENCED, "over restarts, and without asking"


async def test_while_another_copy_may_be_alive_nothing_new_is_begun_and_then_it_greets(database: Database) -> None:
    delivery, copies = await begun(database, Hub(undecided, OSError(), FENCE))
    broker, greeted = Broker(), list[bool]()
    bus = FencedBus(broker, delivery.standing, copies.ready)
    bus.on_connected(lambda: greeted.append(True))
    assert delivery.standing.copy is Copy.UNDECIDED
    with pytest.raises(Refused, match=COPY_UNDECIDED.name):
        await database.write(lambda tx: delivery.outbox.append(tx, destination="hub", message=pb.Receipt(), now=NOW))
    await copies.step()
    assert delivery.standing.copy is Copy.UNDECIDED, "the hub is away, but the other copy was alive just now"
    await copies.step()
    assert (delivery.standing.copy, greeted) == (Copy.SOLE, [True])


async def test_a_process_that_was_held_up_asks_before_it_says_the_next_word(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(FENCE, fenced)
    delivery, copies = await begun(database, hub)
    bus = FencedBus(broker := Broker(), delivery.standing, copies.ready)
    now = asyncio.get_running_loop().time() + 30
    monkeypatch.setattr(Copies, "_now", staticmethod(lambda: now))
    copies.keeping.start()
    try:
        with pytest.raises(Refused, match=FENCED.name):
            await bus.publish([("t333.ev.310000.hub.cases", b"")])
    finally:
        await copies.keeping.stop()
    assert broker.published == []


async def test_a_newer_process_on_the_same_database_takes_over_without_an_alarm(database: Database) -> None:
    older, copies = await begun(database, Hub(FENCE, FENCE))
    await begun(database, Hub(FENCE + 1))
    await copies.step()
    assert older.standing.copy is Copy.REPLACED
    await copies.superseded()
    assert older.standing.copy is Copy.REPLACED, "what the hub says of the older process says nothing of this database"
    await database.write(lambda tx: older.outbox.append(tx, destination="hub", message=pb.Receipt(), now=NOW))
    assert (await database.read(older.status)).alarms == ()


async def test_a_destination_that_has_heard_of_a_newer_copy_fences_the_old_one(database: Database) -> None:
    delivery, copies = await begun(database, Hub(OSError()))

    class Destination:
        async def deliver(self, destination: str, envelopes: list[Envelope]) -> Receipt:
            raise Refused(refuse(FENCE_OLD, origin="310000", fence=1, current=2))

    with pytest.raises(Refused, match=FENCE_OLD.name):
        await FencedDirect(Destination(), copies.ready, copies.superseded).deliver("320000", [])  # type: ignore[arg-type]
    assert delivery.standing.copy is Copy.FENCED
