"""Two members with a database, an outbox and a relay each, and a sender that waits for the receipt of each event it tells."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from google.protobuf.message import Message
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table
from tests.support.broker import TestBroker

from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import Relay
from twelve333.adapters.sql import Database, delivery_tables, open_database
from twelve333.adapters.sql.delivery import Delivery, Inbound
from twelve333.adapters.sql.later import insert_later
from twelve333.core.decision import Refusal
from twelve333.wire.envelope import decode_receipt

from .measure import Failed

RECEIPT_SECONDS: Final = 30.0

metadata = MetaData()
tables = delivery_tables(metadata)
applied = Table("applied", metadata, Column("id", Integer, primary_key=True), Column("message", LargeBinary, nullable=False))


@dataclass
class Told:
    """Tells events from one member to another, and knows when each was confirmed."""

    database: Database
    delivery: Delivery
    destination: str
    message: Message
    confirmed: int = 0
    waiting: dict[int, asyncio.Event] = field(default_factory=dict)

    async def tell(self) -> None:
        """Append one event in a unit of work, then wait until its receiver has confirmed it."""
        event_id = await self.database.write(self._append)
        sequence = int(event_id.rpartition("-")[2])
        if sequence <= self.confirmed:
            return
        came = self.waiting[sequence] = asyncio.Event()
        try:
            async with asyncio.timeout(RECEIPT_SECONDS):
                await came.wait()
        except TimeoutError as error:
            raise Failed(f"an event was not confirmed within {RECEIPT_SECONDS:g} s") from error

    def hear(self, _subject: str, data: bytes) -> None:
        """Take a receipt: everything up to its watermark is confirmed."""
        receipt = decode_receipt(data)
        if isinstance(receipt, Refusal):
            raise Failed("a receipt cannot be read")
        for sequence in range(self.confirmed + 1, receipt.watermark + 1):
            if came := self.waiting.pop(sequence, None):
                came.set()
        self.confirmed = max(self.confirmed, receipt.watermark)

    def _append(self, tx: Connection) -> str:
        return self.delivery.outbox.append(tx, destination=self.destination, message=self.message, now=system_clock())


@asynccontextmanager
async def telling(broker: TestBroker, urls: tuple[str, str], message: Message) -> AsyncIterator[Told]:
    """A sender and a running receiver of `message` on the databases at `urls`; both stop at the end."""
    sender, receiver = "hub", "350000"
    origin, target = [open_database(url) for url in urls]
    outgoing, incoming = Delivery(tables, sender), Delivery(tables, receiver)
    for database, delivery in ((origin, outgoing), (target, incoming)):
        await database.write(metadata.create_all)
        await database.write(lambda tx, box=delivery.outbox: box.begin_epoch(tx, system_clock()))  # type: ignore[misc]
    told, bus = Told(origin, outgoing, receiver, message), broker.bus(sender)
    bus.on_receipt(told.hear)
    relays = [
        Relay(origin, outgoing, bus, {}),
        Relay(target, incoming, broker.bus(receiver), {message.DESCRIPTOR.full_name: _apply}),
    ]
    try:
        for relay in relays:
            await relay.start()
        yield told
    finally:
        for relay in relays:
            await relay.stop()
        for database in (origin, target):
            await database.close()


def _apply(tx: Connection, inbound: Inbound, _now: datetime) -> None:
    insert_later(tx, applied, {"message": inbound.message})
