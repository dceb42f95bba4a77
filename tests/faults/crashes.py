"""Faults of processes and disks: killed, paused, wiped, full, started in any order."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import permutations
from typing import Final

from twelve333.cli.demo.stage import until
from twelve333.client import ServiceError
from twelve333.core.decision import Kind

from .load import UNITS, WAGES, Load
from .run import Breaking, Fault
from .stage import HUB, MANY, Stage

JIANGSU: Final = "320000"
SHANGHAI: Final = "310000"
BROKER: Final = "broker"
NODES_FIRST: Final = (SHANGHAI, JIANGSU, HUB, BROKER)
HUB_LAST: Final = (BROKER, JIANGSU, SHANGHAI, HUB)
FILE_BYTES_MAX: Final = 4096
SEED: Final = 12333


def killed(*names: str) -> Breaking:
    """kill -9, and started again after the others have worked on."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        await stage.kill(*names)
        alive = [name for name in stage.provinces if name not in names]
        await load.accepts(6, *alive) if alive else None
        await stage.start(*sorted(names, key=(BROKER, HUB, *stage.provinces).index))
        yield

    return breaking


@asynccontextmanager
async def store_wiped(stage: Stage, load: Load) -> AsyncIterator[None]:
    """The broker dies and forgets everything, also what it had accepted."""
    await stage.kill(BROKER)
    await load.accepts(4)
    stage.wipe_broker()
    await stage.start(BROKER)
    yield


def paused(name: str, seconds: float) -> Breaking:
    """SIGSTOP: it holds its connections and its locks, and does nothing."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        stage.send(name, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            stage.send(name, signal.SIGCONT)
        yield

    return breaking


@asynccontextmanager
async def disk_full(stage: Stage, load: Load) -> AsyncIterator[None]:
    """No file of a node may grow past a page: new work is refused with a sentence, reads go on."""
    async with full_disk(stage, load):
        await load.accepts(6, SHANGHAI)
    yield


@asynccontextmanager
async def full_disk(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Jiangsu's disk is full, and has been noticed; it has room again at the end, if the process still lives."""
    pid = stage.member(JIANGSU).process.pid
    assert pid is not None
    whole = resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.RLIM_INFINITY))
    try:
        async with stage.member(JIANGSU).connect() as node:
            await until("refused work", lambda: _refuses(node))
            assert (await node.cases.list(size=1)).total > 0
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, whole)


async def _refuses(node: object) -> bool:
    try:
        await node.cases.open(UNITS[JIANGSU], topic=WAGES, region=UNITS[SHANGHAI], summary="档案")  # type: ignore[attr-defined]
    except ServiceError as error:
        if error.kind in (Kind.UNAVAILABLE, Kind.EXHAUSTED):
            return True
        raise
    return False


def cold_start(*orders: Sequence[str]) -> Breaking:
    """Everything is off; each starts alone, in this order, without waiting for the next; some work, and all over in another order."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        for order in orders:
            await stage.kill(BROKER, HUB, *stage.provinces)
            await stage.start(*order)
            await load.accepts(2)
        yield

    return breaking


def any_order(count: int) -> list[Sequence[str]]:
    """So many of the 24 orders in which two nodes, hub and broker can start, drawn from a seed; those with names of their own left out."""
    every = [order for order in permutations((SHANGHAI, JIANGSU, HUB, BROKER)) if order not in (NODES_FIRST, HUB_LAST)]
    return list(random.Random(SEED).sample(every, count))


@asynccontextmanager
async def all_return(stage: Stage, load: Load) -> AsyncIterator[None]:
    """All nodes come back at the same moment, with work waiting for them at the hub and, each for the next, at themselves."""
    async with stage.member(HUB).connect() as hub:
        await stage.kill(*stage.provinces)
        await load.accepts(2, HUB)
        assert any(line.queued for line in (await hub.delivery.status()).outbox)
    await asyncio.gather(*(stage.start(name) for name in stage.provinces))
    yield


FAULTS: Final = (
    Fault("kill.node", killed(JIANGSU)),
    Fault("kill.hub", killed(HUB)),
    Fault("kill.broker", killed(BROKER)),
    Fault("kill.hub_and_broker", killed(HUB, BROKER)),
    Fault("kill.all", killed(HUB, BROKER, JIANGSU, SHANGHAI)),
    Fault("wiped.broker_store", store_wiped),
    Fault("paused.node_1s", paused(JIANGSU, 1)),
    Fault("paused.node_30s", paused(JIANGSU, 30), short=paused(JIANGSU, 3)),
    Fault("paused.hub_1s", paused(HUB, 1)),
    Fault("paused.hub_30s", paused(HUB, 30), short=paused(HUB, 3)),
    Fault("paused.broker_30s", paused(BROKER, 30), short=paused(BROKER, 3)),
    Fault("disk.full", disk_full),
    Fault("start.nodes_first", cold_start(NODES_FIRST)),
    Fault("start.hub_last", cold_start(HUB_LAST)),
    Fault("start.any_order", cold_start(*any_order(6)), short=cold_start(*any_order(1))),
    Fault("start.all_nodes_at_once", all_return, provinces=MANY),
)
