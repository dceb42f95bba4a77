"""A sender with a database and a relay, which waits for the receipt of each event it tells; its receiver has a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import Message
from sqlalchemy import Connection, func, select
from tests.support.broker import TestBroker

from twelve333.adapters.bus.nats import NatsBus
from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import Relay
from twelve333.adapters.runner import settle_in
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.database import Notes
from twelve333.adapters.sql.delivery import OUTBOX, Delivery
from twelve333.core.decision import Refusal
from twelve333.wire.envelope import decode_receipt

from .measure import Failed, Round, Side
from .receiver import DATABASE_URL, MEMBER, metadata, sealed, tables

RECEIPT_SECONDS: Final = 60.0
SENDER: Final = "hub"


class CountedBus(NatsBus):
    """Counts the messages that events travel in."""

    messages = 0

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`."""
        self.messages += len(messages)
        await super().publish(messages)


@dataclass
class Told:
    """Tells events from one member to another, and knows when each was confirmed and in what groups they went."""

    database: Database
    delivery: Delivery
    message: Message
    bus: CountedBus
    receiver: Process
    sent: int = 0
    commits: int = 0
    confirmed: int = 0
    waiting: dict[int, asyncio.Future[None]] = field(default_factory=dict)

    async def tell(self) -> None:
        """Append one event in a unit of work, then wait until its receiver has confirmed it."""
        await self.wait_for(await self.database.write(lambda tx: self._append(tx, 1)))

    async def pile_up(self, count: int) -> int:
        """Append so many at once, and wait for nothing; the number of the last."""
        return await self.database.write(lambda tx: self._append(tx, count))

    async def wait_for(self, sequence: int) -> None:
        """Wait until it is confirmed."""
        if sequence > self.confirmed:
            self.waiting[sequence] = came = asyncio.get_running_loop().create_future()
            await came

    async def in_time(self, side: Side) -> Round:
        """A round of measuring; waiting is bounded as a whole, because a limit of each event's own costs as much as to tell it.

        Raises:
            Failed: it took too long.
        """
        try:
            async with asyncio.timeout(RECEIPT_SECONDS):
                return await side()
        except TimeoutError as error:
            raise Failed(f"an event was not confirmed within {RECEIPT_SECONDS:g} s") from error

    async def order(self, word: str) -> None:
        """Have the receiver start or stop to take events."""
        assert self.receiver.stdin is not None
        assert self.receiver.stdout is not None
        self.receiver.stdin.write(f"{word}\n".encode())
        await self.receiver.stdout.readline()

    def hear(self, _subject: str, data: bytes) -> None:
        """Take a receipt: everything up to its watermark is confirmed."""
        receipt = decode_receipt(data)
        if isinstance(receipt, Refusal):
            raise Failed("a receipt cannot be read")
        for sequence in range(self.confirmed + 1, receipt.watermark + 1):
            if came := self.waiting.pop(sequence, None):
                came.set_result(None)
        self.confirmed = max(self.confirmed, receipt.watermark)

    def count(self, notes: Notes) -> None:
        """Take note of a commit of ours."""
        self.sent += len(notes.get(OUTBOX, ()))
        self.commits += OUTBOX in notes

    async def groups(self, target: str) -> tuple[float, float]:
        """Events a message, and events a commit (the mean of both members' commits), so far."""
        events = tables.inbox_events
        opened = open_database(target)
        commits = await opened.read(lambda tx: tx.scalar(select(func.count(events.c.applied_at.distinct()))))
        await opened.close()
        return self.sent / max(1, self.bus.messages), 2 * self.sent / max(1, self.commits + (commits or 0))

    def _append(self, tx: Connection, count: int) -> int:
        now = system_clock()
        ids = [self.delivery.outbox.append(tx, destination=MEMBER, message=self.message, now=now) for _ in range(count)]
        return int(ids[-1].rpartition("-")[2])


@asynccontextmanager
async def telling(broker: TestBroker, urls: tuple[str, str], message: Message) -> AsyncIterator[Told]:
    """A sender and a running receiver of `message` on the databases at `urls`; both stop at the end."""
    origin, target = urls
    database, delivery = open_database(origin), Delivery(tables, SENDER)
    await database.write(metadata.create_all)
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, system_clock()))
    command = [sys.executable, "-m", "benchmarks.receiver", broker.url, str(broker.folder / MEMBER), message.DESCRIPTOR.full_name]
    surroundings = {**os.environ, DATABASE_URL: target}  # it may hold a password, which no command line may
    receiver = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, env=surroundings)
    assert receiver.stdin is not None
    assert receiver.stdout is not None
    bus = CountedBus(broker.bus(SENDER)._settings)
    told = Told(database, delivery, message, bus, receiver)
    bus.on_receipt(told.hear)
    database.after_commit(told.count)
    relay = Relay(database, delivery, sealed(bus), {})
    try:
        if not (await receiver.stdout.readline()).strip():
            raise Failed("the receiver did not start")
        await relay.start()
        await told.order("start")
        await told.tell()
        settle_in()  # as a service does; the receiver has done so itself
        yield told
    finally:
        receiver.stdin.close()
        await receiver.wait()
        await relay.stop()
        await database.close()
