"""How many events get from one member to another and are confirmed, beside what the broker and the disk can do at best.

One event is: appended to the outbox, relayed to JetStream, applied and committed by the receiver, confirmed by its receipt. 32 events
are on their way at any moment, and as many in the peers.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats
from nats.js import JetStreamContext
from tests.support.broker import TestBroker

from twelve333.adapters.bus import BROKER_NAME
from twelve333.adapters.bus.tls import member_tls
from twelve333.api.cases.v1 import cases_pb2, events_pb2
from twelve333.core.identity import dns_name
from twelve333.wire.subjects import event_subject, inbox_prefix

from .cases import TEXT, UNIT
from .figure import Figure, rate, rate_and_times
from .measure import Side, concurrent, interleave
from .members import telling
from .postgres import databases
from .stores import POSTGRESQL_PEER, SQLITE_PEER, bare_postgresql, bare_sqlite, commits

IN_FLIGHT: Final = 32
BROKER_PEER: Final = "bare JetStream publish + ack"


async def on_sqlite() -> list[Figure]:
    """`delivery.events_sqlite`; `_commits` compares the same value with bare commits."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        urls = (f"sqlite:///{folder}/origin.db", f"sqlite:///{folder}/target.db")
        with bare_sqlite(Path(folder) / "bare.db") as bare:
            return await _compare("delivery.events_sqlite", Path(folder), urls, SQLITE_PEER, commits(bare, _bytes()))


async def on_postgresql() -> list[Figure]:
    """`delivery.events_postgresql`; `_commits` compares the same value with bare commits."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with databases(3) as (origin, target, third), bare_postgresql(third, IN_FLIGHT) as pool:
            commit = concurrent(lambda: pool.execute("INSERT INTO bare (data) VALUES ($1)", _bytes()), IN_FLIGHT)
            return await _compare("delivery.events_postgresql", Path(folder), (origin, target), POSTGRESQL_PEER, commit)


async def _compare(name: str, folder: Path, urls: tuple[str, str], store: str, bare: Side) -> list[Figure]:
    broker = TestBroker(folder / "broker")
    await broker.start()
    try:
        async with telling(broker, urls, _message()) as told, _jetstream(broker) as stream:
            # Nobody takes these: the province has a consumer and no node here.
            subject = event_subject("hub", "310000", "cases")
            sides = {
                "events": concurrent(told.tell, IN_FLIGHT),
                "broker": concurrent(lambda: stream.publish(subject, _bytes()), IN_FLIGHT),
                "store": bare,
            }
            taken = await interleave(sides)
    finally:
        await broker.stop()
    events = rate_and_times(name, taken["events"], BROKER_PEER, taken["broker"])
    return [*events, rate(f"{name}_commits", taken["events"], store, taken["store"])]


@asynccontextmanager
async def _jetstream(broker: TestBroker) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(
        servers=[broker.url], tls=member_tls(broker.folder / "hub")(), tls_hostname=dns_name(BROKER_NAME), inbox_prefix=inbox_prefix("hub")
    )
    try:
        yield client.jetstream()
    finally:
        await client.close()


def _message() -> events_pb2.CaseStepTaken:
    """An answer to a case, as it is told to other members."""
    by = cases_pb2.Party(unit=UNIT, member="320000")
    answered = cases_pb2.CaseAnswered(answer=TEXT)
    step = cases_pb2.CaseStep(case_id="bench", step_id="bench-a", version=2, owner_epoch=1, by=by, signed_by="desk-1", answered=answered)
    return events_pb2.CaseStepTaken(step=step)


def _bytes() -> bytes:
    return _message().SerializeToString()
