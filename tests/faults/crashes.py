"""Faults of processes and disks: killed, paused, wiped, full, started in any order."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from twelve333.cli.demo.stage import until
from twelve333.client import ServiceError
from twelve333.core.decision import Kind

from .load import UNITS, WAGES, Load
from .run import Breaking, Fault
from .stage import HUB, Stage

JIANGSU: Final = "320000"
SHANGHAI: Final = "310000"
BROKER: Final = "broker"
FILE_BYTES_MAX: Final = 4096


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
    pid = stage.member(JIANGSU).process.pid
    assert pid is not None
    whole = resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, resource.RLIM_INFINITY))
    try:
        async with stage.member(JIANGSU).connect() as node:
            await until("refused work", lambda: _refuses(node))
            assert (await node.cases.list(size=1)).total > 0
            await load.accepts(6, SHANGHAI)
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, whole)
    yield


async def _refuses(node: object) -> bool:
    try:
        await node.cases.open(UNITS[JIANGSU], topic=WAGES, region=UNITS[SHANGHAI], summary="档案")  # type: ignore[attr-defined]
    except ServiceError as error:
        if error.kind in (Kind.UNAVAILABLE, Kind.EXHAUSTED):
            return True
        raise
    return False


def cold_start(*order: str) -> Breaking:
    """Everything is off; each starts alone, in this order, without waiting for the next."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        await stage.kill(BROKER, HUB, *stage.provinces)
        await stage.start(*order)
        yield

    return breaking


@asynccontextmanager
async def all_return(stage: Stage, load: Load) -> AsyncIterator[None]:
    """All nodes come back at the same moment."""
    await stage.kill(*stage.provinces)
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
    Fault("paused.node_30s", paused(JIANGSU, 30)),
    Fault("paused.hub_1s", paused(HUB, 1)),
    Fault("paused.hub_30s", paused(HUB, 30)),
    Fault("paused.broker_30s", paused(BROKER, 30)),
    Fault("disk.full", disk_full),
    Fault("start.all_nodes_at_once", all_return),
    Fault("start.nodes_first", cold_start(SHANGHAI, JIANGSU, HUB, BROKER)),
    Fault("start.hub_last", cold_start(BROKER, JIANGSU, SHANGHAI, HUB)),
)
