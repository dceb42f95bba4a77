"""What handing on costs while something is away: the hub killed, the broker killed, what was told of queues stale, a peer's node hung.

Rule served: no call waits for any of these. Limits of time are the usual ones, with four callers. Before, between and after the
faults the same work is measured with all well, which is the peer of each; every handoff must be accepted, or there is no figure. All well
means that telephone systems tell of their queues each second.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Final

from twelve333.adapters.local_broker import LocalBroker
from twelve333.adapters.processes import Process
from twelve333.adapters.runner import Background
from twelve333.api.routing.v1 import routing_pb2
from twelve333.cli.demo.federation import READY_SECONDS, Federation
from twelve333.cli.demo.stage import until
from twelve333.client import Connection
from twelve333.core.coverage.model import Candidate, Told, Verdict

from .federation import ORIGIN, PEER, two_nodes
from .figure import Figure, rate_and_times, times
from .handoff import REGIONS, TOPIC, Desk, desk_of, tidied
from .measure import ROUNDS, Failed, Round, Side, concurrent

WELL: Final = "the same calls with all well"
STAND_IN: Final = "310000"  # its unit answers for the cities where their node does not
CALLERS: Final = 4
WELL_ROUNDS: Final = 3
FREE: Final = 1_000
REPORT_SECONDS: Final = 1.0
# The usual limits of time, which `two_nodes` else lifts; they are also what a hung peer may cost.
CANDIDATE_MS: Final = 250
TOTAL_MS: Final = 800
USUAL: Final = {"TWELVE333_HANDOFF__CANDIDATE_MS": str(CANDIDATE_MS), "TWELVE333_HANDOFF__TOTAL_MS": str(TOTAL_MS)}


async def faulted() -> list[Figure]:
    """`handoff.hub_killed`, `.broker_killed`, `.queues_stale` and `.peer_hung`, from one run."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twelve333-bench-")))
        federation = await stack.enter_async_context(two_nodes(folder, stand_in=STAND_IN, settings=USUAL))
        desk = await stack.enter_async_context(desk_of(federation))
        asking, answering = [await stack.enter_async_context(federation.nodes[each].connect()) for each in (ORIGIN, PEER)]
        stage = Stage(federation, desk, asking, answering)
        stack.push_async_callback(stage.telephones.stop)
        stage.telephones.start()
        return await _measure(stage)


@dataclass
class Stage:
    """The federation, who asks, and the telephone systems of the province that is asked."""

    federation: Federation
    desk: Desk
    asking: Connection
    answering: Connection
    late: int = 0  # calls that waited for the node asked first, in vain

    def __post_init__(self) -> None:
        self.telephones = Background("telephones", self.say, REPORT_SECONDS)

    async def say(self, free: int = FREE) -> None:
        """Tell how the queues of all cities stand."""
        for region in REGIONS:
            await self.answering.queues.report(region, free=free)

    async def place(self) -> None:
        """Hand a call on; it must be accepted, by whomever."""
        steps = (await self.desk.place()).steps
        self.late += any(step.state == routing_pb2.HANDOFF_STATE_EXPIRED and step.unit.startswith(PEER[:2]) for step in steps)

    async def first(self) -> Candidate:
        """What the asking node thinks of the unit that should answer for the last of the cities."""
        return (await self.asking.routing.explain(REGIONS[-1], topic=TOPIC)).candidates[0]

    async def well(self) -> None:
        """Wait until all is well: queues are told, and whatever waited for hub or broker has arrived."""

        async def holds() -> bool:
            told = [await connection.delivery.status() for connection in (self.asking, self.answering)]
            waiting = any(line.queued for status in told for line in status.outbox)
            found = await self.first()
            return (found.verdict, found.told) == (Verdict.CHOSEN, Told.FRESH) and not waiting

        await until("all well", holds, READY_SECONDS)


async def _measure(stage: Stage) -> list[Figure]:
    side, under = tidied(concurrent(stage.place, CALLERS), stage.desk), dict[str, list[Round]]()
    await stage.well()
    await side()  # warms up
    well = await _rounds(side, WELL_ROUNDS)
    for name, fault in FAULTS.items():
        async with fault(stage):
            under[name] = await _rounds(side, ROUNDS)
        await stage.well()
        well += await _rounds(side, WELL_ROUNDS)
    first, under["peer_hung"] = await _hung(stage, side)
    figures = [one for name, rounds in under.items() for one in rate_and_times(f"handoff.{name}", rounds, WELL, well)]
    return [_within_limit(one) for one in (*figures, *times("handoff.peer_hung_first", [first], WELL, well))]


async def _rounds(side: Side, count: int) -> list[Round]:
    return [await side() for _ in range(count)]


async def _hung(stage: Stage, side: Side) -> tuple[Round, list[Round]]:
    """The calls that find the peer hung, one of each caller, and those that come once it is left alone."""
    await stage.telephones.stop()  # they would hang with it
    process = stage.federation.nodes[PEER].process
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        first = await _at_once(stage.place)
        await stage.desk.give_back()
        if (verdict := (await stage.first()).verdict) is not Verdict.UNREACHABLE:
            raise Failed(f"a member that did not answer {CALLERS} calls is not left alone, but {verdict.name}")
        asked_before, later = stage.late, await _rounds(side, ROUNDS)
        if stage.late - asked_before > CALLERS:  # once more each, where the breaker is tried again
            raise Failed(f"the hung node was asked {stage.late - asked_before} times after it was found hung")
        return first, later
    finally:
        os.kill(process.pid, signal.SIGCONT)


def _within_limit(one: Figure) -> Figure:
    """The calls that find a peer hung have the time of a whole handoff, those after them less than one candidate has."""
    limit = {"handoff.peer_hung_first_p99": TOTAL_MS * 1e3, "handoff.peer_hung_p99": CANDIDATE_MS * 1e3}.get(one.name)
    return one if limit is None else replace(one, target=limit, met=one.value <= limit)


async def _at_once(call: Callable[[], Awaitable[object]]) -> Round:
    """One call of each caller, all at the same moment."""
    began = perf_counter()

    async def timed() -> float:
        await call()
        return perf_counter() - began

    took = await asyncio.gather(*(timed() for _ in range(CALLERS)))
    return Round(len(took), perf_counter() - began, took)


@asynccontextmanager
async def _hub_killed(stage: Stage) -> AsyncIterator[None]:
    hub = stage.federation.hub
    await _kill(hub.process)
    yield
    await hub.process.start(hub.ready, within_seconds=READY_SECONDS)


@asynccontextmanager
async def _broker_killed(stage: Stage) -> AsyncIterator[None]:
    broker = stage.federation.broker
    await _kill(broker)
    yield
    await broker.start()


@asynccontextmanager
async def _queues_stale(stage: Stage) -> AsyncIterator[None]:
    """They were told full, once, and then nothing more was heard."""
    await stage.telephones.stop()
    await stage.say(free=0)

    async def stale() -> bool:
        return (await stage.first()).told is Told.STALE

    await until("stale queues", stale)
    yield
    stage.telephones.start()


async def _kill(process: Process | LocalBroker) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await process.stop()


FAULTS: Final[dict[str, Callable[[Stage], AbstractAsyncContextManager[None]]]] = {
    "hub_killed": _hub_killed,
    "broker_killed": _broker_killed,
    "queues_stale": _queues_stale,
}
