"""Faults of the network: partitions, half-open and one-way links, slow and lossy ones, flapping, replies that never come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Final

from twelve333.cli.demo.stage import until

from .crashes import JIANGSU
from .load import Load
from .proxy import DOWN, UP
from .run import Breaking, Fault
from .stage import HUB, Stage

NOTICED_SECONDS: Final = 15.0
POLLING_SECONDS: Final = 1.0  # what asking over and over may add


def partitioned(name: str, seconds: float) -> Breaking:
    """Nothing gets in or out; nothing is closed either."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        for proxy in stage.around(name):
            proxy.stall()
        started = perf_counter()
        await load.accepts(4)
        await asyncio.sleep(max(0.0, seconds - (perf_counter() - started)))
        stage.heal()
        yield

    return breaking


@asynccontextmanager
async def cut_off(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A node whose every connection is reset, at once and again."""
    for proxy in stage.around(JIANGSU):
        proxy.cut()
    await load.accepts(8)
    stage.heal()
    yield


def half_open(*ways: str) -> Breaking:
    """The broker's link swallows one way, or both, without closing: noticed in 15 s, and events take the other road meanwhile."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        stage.to_broker[JIANGSU].stall(*ways)
        await until("noticed", lambda: _broker_is_away(stage), NOTICED_SECONDS + POLLING_SECONDS)
        await load.accepts(4)
        stage.heal()
        yield

    return breaking


async def _broker_is_away(stage: Stage) -> bool:
    async with stage.member(JIANGSU).connect() as node:
        return not (await node.delivery.status()).broker_connected


def one_way(way: str) -> Breaking:
    """A node can be heard and hears nothing, or the other way round."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        stage.to_broker[JIANGSU].stall(way)
        stage.to_hub[JIANGSU].stall(way)
        stage.to_node[JIANGSU].stall(DOWN if way == UP else UP)
        await asyncio.sleep(20)
        await load.accepts(4)
        stage.heal()
        yield

    return breaking


def slow(seconds: float, reset_share: float, lasting: float) -> Breaking:
    """Every piece takes so long, and some connections are reset on the way."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        for proxy in [*stage.to_broker.values(), *stage.to_hub.values(), *stage.to_node.values()]:
            proxy.slow(seconds, reset_share)
        await asyncio.sleep(lasting)
        await load.accepts(4)
        stage.heal()
        yield

    return breaking


def flapping(period: float, times: int) -> Breaking:
    """All roads of a node go away and come back, over and over."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        for _ in range(times):
            for proxy in stage.around(JIANGSU):
                proxy.cut()
            await asyncio.sleep(period / 2)
            for proxy in stage.around(JIANGSU):
                proxy.heal()
            await asyncio.sleep(period / 2)
        yield

    return breaking


@asynccontextmanager
async def replies_lost(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Requests arrive, answers do not: desks, nodes, hub and broker all ask again what was done already."""
    for _ in range(6):
        await load.accepts(3)
        for proxy in stage.proxies:
            proxy.lose_replies()
        await asyncio.sleep(1)
        stage.heal()
    yield


FAULTS: Final = (
    Fault("half_open.broker_link", half_open()),
    Fault("half_open.broker_hears_nothing", half_open(UP)),
    Fault("half_open.broker_says_nothing", half_open(DOWN)),
    Fault("partition.node_60s", partitioned(JIANGSU, 60), short=partitioned(JIANGSU, 10)),
    Fault("partition.hub_60s", partitioned(HUB, 60), short=partitioned(HUB, 10)),
    Fault("partition.node_cut", cut_off),
    Fault("one_way.node_hears_nothing", one_way(DOWN)),
    Fault("one_way.node_unheard", one_way(UP)),
    Fault("slow.500ms", slow(0.5, 0.0, 20), short=slow(0.5, 0.0, 5)),
    Fault("slow.500ms_and_resets", slow(0.5, 0.05, 30), short=slow(0.5, 0.05, 10)),
    Fault("flapping.2s_for_5min", flapping(2, 150), short=flapping(2, 10), deadline_s=600.0),
    Fault("replies.lost", replies_lost, over_proxies=True),
)
