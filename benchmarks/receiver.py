"""The receiving member of `delivery.` figures, in a process of its own as in service: `start` and `stop` on standard input, one a line."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, Table

from twelve333.adapters.bus.nats import NatsBus, NatsSettings
from twelve333.adapters.bus.sealed import SealedBus, Sealing
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import Relay
from twelve333.adapters.runner import settle_in
from twelve333.adapters.signing.sealing import Opener, private_key, public_bytes
from twelve333.adapters.sql import delivery_tables, open_database
from twelve333.adapters.sql.delivery import Delivery, Inbound
from twelve333.adapters.sql.later import insert_later

MEMBER: Final = "350000"
DATABASE_URL: Final = "TWELVE333_BENCH_RECEIVER_URL"
KEY: Final = private_key(b"bench" * 7, b"0001")

metadata = MetaData()
tables = delivery_tables(metadata)
applied = Table("applied", metadata, Column("id", Integer, primary_key=True), Column("message", LargeBinary, nullable=False))


def sealed(bus: NatsBus) -> SealedBus:
    """As in service: what is told to the receiver is sealed to its key."""

    async def key_of(_member: str) -> bytes:
        return public_bytes(KEY)

    return SealedBus(bus, Sealing(Opener(lambda: (KEY,)), key_of))


async def run(url: str, broker: str, folder: Path, type_name: str) -> None:
    """Take events of that type while told to, until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    database, delivery = open_database(url), Delivery(tables, MEMBER)
    await database.write(metadata.create_all)
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, system_clock()))
    relay: Relay | None = None
    settle_in()  # as a service does
    print("ready", flush=True)
    while word := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if word == "start":
            bus = NatsBus(NatsSettings((broker,), MEMBER, member_tls(folder)))
            relay = Relay(database, delivery, sealed(bus), {type_name: _apply})
            await relay.start()
        elif relay is not None:
            await relay.stop()
            relay = None
        print(word, flush=True)
    if relay is not None:
        await relay.stop()
    await database.close()


def _apply(tx: Connection, inbound: Inbound, _now: datetime) -> None:
    insert_later(tx, applied, {"message": inbound.message})


if __name__ == "__main__":
    asyncio.run(run(os.environ[DATABASE_URL], sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
