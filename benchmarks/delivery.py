"""How many events get from one member to another and are confirmed, beside what the broker and the disk can do at best.

One event is: appended to the outbox, relayed to JetStream, applied and committed by the receiver, confirmed by its receipt. On both
sides each of the callers waits for one event of its own; the peers publish and commit theirs in groups as large as ours were on average.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final

import nats
from nats.js import JetStreamContext
from tests.support.broker import TestBroker

from twelve333.adapters.bus import BROKER_NAME
from twelve333.adapters.bus.tls import member_tls
from twelve333.api.cases.v1 import cases_pb2, events_pb2
from twelve333.core.identity import dns_name
from twelve333.wire.batch import MESSAGE_BYTES_MAX
from twelve333.wire.subjects import batch_subject, inbox_prefix

from .cases import TEXT, UNIT
from .figure import Figure, middle, rate, times
from .measure import Round, Side, concurrent, gathered, interleave, scaled
from .members import Told, telling
from .postgres import databases
from .stores import POSTGRESQL_PEER, SQLITE_PEER, bare_postgresql, bare_sqlite, commit_on_thread, commit_rows

IN_FLIGHT: Final = (1, 16, 256)
ROUNDS: Final = 3
CONNECTIONS: Final = 16  # of a PostgreSQL peer: as many commits may run at once
BACKLOG: Final = 10_000
PILE: Final = 500  # appended in one unit of work
SHARE: Final = 0.5  # of the slower peer: the target
BROKER_PEER: Final = "bare JetStream publish + ack"
PATH_PEER: Final = "bare commit, publish + ack, commit, one after the other"

Commit = Callable[[int], Awaitable[object]]  # so many rows in one durable commit


@dataclass(frozen=True, slots=True)
class Bare:
    """What the peers work with: a broker, and two databases of the kind that ours have."""

    stream: JetStreamContext
    commits: tuple[Commit, Commit]
    writers: int  # commits that may run at once on one of them
    name: str

    async def publish(self, count: int) -> None:
        """So many events in one message; nobody takes them: the province has a consumer and no node here."""
        await self.stream.publish(batch_subject("hub", "310000"), (_bytes() * count)[: MESSAGE_BYTES_MAX - 4096])

    async def path(self, count: int) -> None:
        """What so many events cannot do without."""
        await self.commits[0](count)
        await self.publish(count)
        await self.commits[1](count)


async def on_sqlite() -> list[Figure]:
    """`delivery.events_sqlite_…` and `delivery.backlog_sqlite`."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder, ExitStack() as stack:
        one, other = [stack.enter_context(bare_sqlite(Path(folder) / name)) for name in ("a.db", "b.db")]
        commits = partial(commit_on_thread, one, asyncio.Lock(), _bytes()), partial(commit_on_thread, other, asyncio.Lock(), _bytes())
        urls = [(f"sqlite:///{folder}/origin{n}.db", f"sqlite:///{folder}/target{n}.db") for n in range(len(IN_FLIGHT) + 1)]
        return await _figures("sqlite", Path(folder), urls, commits, 1, SQLITE_PEER)


async def on_postgresql() -> list[Figure]:
    """`delivery.events_postgresql_…` and `delivery.backlog_postgresql`."""
    pairs = len(IN_FLIGHT) + 1
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with databases(2 * pairs + 2) as (first, second, *rest), AsyncExitStack() as stack:
            one, other = [await stack.enter_async_context(bare_postgresql(url, CONNECTIONS)) for url in (first, second)]
            commits = partial(commit_rows, one, _bytes()), partial(commit_rows, other, _bytes())
            urls = list(zip(rest[::2], rest[1::2], strict=True))
            return await _figures("postgresql", Path(folder), urls, commits, CONNECTIONS, POSTGRESQL_PEER)


async def _figures(
    store: str, folder: Path, urls: list[tuple[str, str]], commits: tuple[Commit, Commit], writers: int, peer: str
) -> list[Figure]:
    figures = list[Figure]()
    broker = TestBroker(folder / "broker")
    await broker.start()
    try:
        async with _jetstream(broker) as stream:
            bare = Bare(stream, commits, writers, peer)
            for in_flight, pair in zip(IN_FLIGHT, urls, strict=False):
                async with telling(broker, pair, _message()) as told:
                    figures += await _compare(f"delivery.events_{store}_{in_flight}", told, pair[1], in_flight, bare)
            async with telling(broker, urls[-1], _message()) as told:
                figures.append(await _recover(f"delivery.backlog_{store}", told, urls[-1][1], bare))
    finally:
        await broker.stop()
    return figures


async def _compare(name: str, told: Told, target: str, in_flight: int, bare: Bare) -> list[Figure]:
    """One number in flight: beside the slower of broker and store (with the target), beside each, and beside the whole path."""

    async def beside(work: Commit, of_message: bool, at_once: int) -> Round:
        size = max(1, round((await told.groups(target))[0 if of_message else 1]))
        return await gathered(work, size, in_flight, min(at_once, max(1, round(in_flight / size))))()

    sides: dict[str, Side] = {
        "events": partial(told.in_time, concurrent(told.tell, in_flight)),
        "broker": lambda: beside(bare.publish, True, in_flight),
        "commits": lambda: beside(bare.commits[0], False, bare.writers),
        "path": lambda: beside(bare.path, False, in_flight),
    }
    taken = await interleave(sides, ROUNDS)
    peers = {"broker": BROKER_PEER, "commits": bare.name, "path": PATH_PEER}
    slower = min(("broker", "commits"), key=lambda side: middle([one.rate for one in taken[side]]).value)
    limit = SHARE * middle([one.rate for one in taken[slower]]).value
    of_message, of_commit = await told.groups(target)
    groups = f"in groups of {of_message if slower == 'broker' else of_commit:.3g}"
    ours = rate(name, taken["events"], f"{peers[slower]}, {groups}", taken[slower], limit)
    others = [rate(f"{name}_{side}", taken["events"], peers[side], taken[side]) for side in peers]
    return [ours, *others, *(times(name, taken["events"], PATH_PEER, taken["path"]) if in_flight == 1 else ())]


async def _recover(name: str, told: Told, target: str, bare: Bare) -> Figure:
    """The receiver is away, a backlog piles up, it comes back: until every receipt is in."""
    count = scaled(BACKLOG, PILE)

    async def ours() -> Round:
        await told.order("stop")
        for _ in range(count // PILE):
            last = await told.pile_up(PILE)
        began = perf_counter()
        await told.order("start")
        await told.wait_for(last)
        return _once(count, began)

    async def theirs() -> Round:
        size, began = max(1, round((await told.groups(target))[0])), perf_counter()
        for _ in range(0, count, size):
            await bare.publish(size)
            await bare.commits[1](size)
        return _once(count, began)

    taken = await interleave({"ours": partial(told.in_time, ours), "theirs": theirs}, ROUNDS)
    return rate(name, taken["ours"], "bare publish + ack, commit, one group after the other", taken["theirs"])


def _once(count: int, began: float) -> Round:
    seconds = perf_counter() - began
    return Round(count, seconds, [seconds])


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
