"""One who asks as fast as it is let, and events that a receiver cannot apply."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Final

import grpc

from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.adapters.rpc.errors import told_by_peer
from twelve333.adapters.sql.cases_inbound import STEP_TAKEN
from twelve333.api.delivery.v1 import peer_pb2, peer_pb2_grpc
from twelve333.cli.demo.stage import until

from .crashes import JIANGSU, SHANGHAI
from .load import Load
from .program import UNKNOWN
from .proxy import HOST
from .run import Breaking, Fault
from .stage import HUB, Stage

AT_ONCE: Final = 64
PARKED_LEAST: Final = 4


class Flood:
    """A member's own certificate in the hands of a program that asks as fast as it is let; `answers` counts what it was told."""

    def __init__(self, stage: Stage, member: str, port: int) -> None:
        self._pki = stage.member(JIANGSU).folder / "pki" / "federation"
        self._address, self._member = f"{HOST}:{port}", member
        self.answers = Counter[str]()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Flood:
        options = [*channel_options(self._member), ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.aio.secure_channel(self._address, channel_credentials(self._pki), options=options)
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(AT_ONCE)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close()

    async def _ask(self) -> None:
        stub = peer_pb2_grpc.DeliveryPeerServiceStub(self._channel)
        while True:
            try:
                await stub.DeliverEvents(peer_pb2.DeliverEventsRequest(), timeout=10)
            except grpc.aio.AioRpcError as error:
                told = told_by_peer(error)
                self.answers[told.code.name if told else error.code().name] += 1


def flooded(seconds: float) -> Breaking:
    """Jiangsu asks hub and Shanghai without a pause, 64 times at once each, as fast as it is let; the others' work is accepted."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        began = perf_counter()
        async with AsyncExitStack() as stack:
            floods = [
                await stack.enter_async_context(Flood(stage, HUB, stage.to_hub[JIANGSU].port)),
                await stack.enter_async_context(Flood(stage, SHANGHAI, stage.to_node[SHANGHAI].port)),
            ]

            async def enough() -> bool:
                return perf_counter() - began >= seconds and all(flood.answers.total() >= AT_ONCE for flood in floods)

            await until("a flood on hub and node", enough, 60.0)
            await load.accepts(6, SHANGHAI, HUB)
        yield

    return breaking


@asynccontextmanager
async def poison(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Shanghai runs a release that cannot apply steps of cases: they are set aside, others go on; upgraded, a retry brings all in."""
    stage.disguise(SHANGHAI, **{UNKNOWN: STEP_TAKEN})
    await stage.restart(SHANGHAI)
    await load.accepts(6)
    await until("events set aside", lambda: _set_aside(stage), 60.0)
    await load.rest(JIANGSU)
    await until("a queue that goes on behind them", lambda: _empty(stage), 60.0)
    stage.disguise(SHANGHAI)
    await stage.restart(SHANGHAI)
    profile = stage.member(SHANGHAI).profile
    await stage.federation.command("node", "parked", "retry", "--profile", profile, member=SHANGHAI)
    load.resume(JIANGSU)
    yield


async def _set_aside(stage: Stage) -> bool:
    async with stage.member(SHANGHAI).connect() as node:
        lines = (await node.delivery.status()).inbox
    return sum(line.parked for line in lines if line.origin == JIANGSU) >= PARKED_LEAST


async def _empty(stage: Stage) -> bool:
    async with stage.member(JIANGSU).connect() as node:
        return not any(line.queued for line in (await node.delivery.status()).outbox if line.destination == SHANGHAI)


FAULTS: Final = (
    Fault("flood.one_province", flooded(20), short=flooded(3)),
    Fault("poison.unknown_event", poison),
)
