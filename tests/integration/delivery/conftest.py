"""Members with a database and a relay each, joined by a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_asyncio
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, insert, select

from tests.support.broker import PROVINCES, TestBroker
from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import Relay
from twelve333.adapters.relay.handover import Direct
from twelve333.adapters.sql import Database, delivery_tables, open_database
from twelve333.adapters.sql.delivery import Delivery, Inbound
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.delivery.status import DeliveryStatus

WAIT_SECONDS = 30.0
TYPE = pb.Receipt.DESCRIPTOR.full_name  # any message of ours serves as an event here; its watermark is the number told

metadata = MetaData()
tables = delivery_tables(metadata)
heard = Table("heard", metadata, Column("id", Integer, primary_key=True), Column("origin", Text), Column("number", Integer))


class Member:
    """One member as a service would wire it; `start` and `stop` may be called again and again."""

    def __init__(self, name: str, broker: TestBroker, folder: Path) -> None:
        self.name, self._broker = name, broker
        self.url = f"sqlite:///{folder / name}.db"
        self.delivery = Delivery(tables, name)
        self.database: Database = open_database(self.url)
        self.relay: Relay | None = None
        self.before_apply: Callable[[int], None] = lambda number: None
        self.direct: Direct | None = None

    async def prepare(self) -> None:
        """Make the tables and the first epoch."""
        await self.database.write(lambda tx: metadata.create_all(tx))
        await self.database.write(lambda tx: self.delivery.outbox.begin_epoch(tx, system_clock()))

    async def start(self) -> None:
        """Begin to send and receive."""
        self.relay = Relay(
            self.database,
            self.delivery,
            self._broker.bus(self.name),
            {TYPE: self._apply},
            direct=self.direct,
            everybody=("hub", *PROVINCES),
        )
        await self.relay.start()

    async def stop(self) -> None:
        """Stop the relay."""
        if self.relay is not None:
            await self.relay.stop()
        self.relay = None

    async def tell(self, destination: str, numbers: range) -> None:
        """Append one event per number."""

        def work(tx: Connection) -> None:
            for number in numbers:
                self.delivery.outbox.append(tx, destination=destination, message=pb.Receipt(watermark=number), now=system_clock())

        await self.database.write(work)

    async def numbers(self, origin: str) -> list[int]:
        """What was applied from `origin`, in order."""
        rows = select(heard.c.number).where(heard.c.origin == origin).order_by(heard.c.id)
        return list(await self.database.read(lambda tx: tx.execute(rows).scalars().all()))

    async def status(self) -> DeliveryStatus:
        """How delivery stands."""
        return await self.database.read(self.delivery.status)

    async def until_confirmed(self) -> None:
        """Wait until nothing is left in the outbox."""
        await until(lambda: self._empty(), f"the outbox of {self.name} to be empty")

    async def until_heard(self, origin: str, count: int) -> None:
        """Wait until so many were applied from `origin`."""

        async def enough() -> bool:
            return len(await self.numbers(origin)) >= count

        await until(enough, f"{self.name} to hear {count} from {origin}")

    async def _empty(self) -> bool:
        return not any(line.queued for line in (await self.status()).outbox)

    def _apply(self, tx: Connection, inbound: Inbound, _now: object) -> None:
        number = pb.Receipt.FromString(inbound.message).watermark
        tx.execute(insert(heard).values(origin=inbound.origin, number=number))
        self.before_apply(number)


async def until(condition: Callable[[], object], what: str) -> None:
    """Ask again until it is true, at most `WAIT_SECONDS`."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not await condition():  # type: ignore[misc]
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"waited {WAIT_SECONDS:g} s for {what}") from None


@pytest_asyncio.fixture
async def members(broker: TestBroker, tmp_path: Path) -> AsyncIterator[dict[str, Member]]:
    """The hub and two provinces, prepared and started."""
    made = {name: Member(name, broker, tmp_path) for name in ("hub", "320000", "310000")}
    for member in made.values():
        await member.prepare()
        await member.start()
    yield made
    for member in made.values():
        await member.stop()
        await member.database.close()
