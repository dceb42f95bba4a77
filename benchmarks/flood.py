"""What one province that floods the hub does to the others: a hub in its own process, four callers that ask steadily, a fifth that floods.

The flood runs in a process of its own (`python -m benchmarks.flood PROFILE FILE`) and asks a hundred times as often as each of the others,
over four connections, with 500 calls in hand at most and no regard for what the hub says. The peer is the same callers without it; the
target is their p99 and a fifth.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from io import FileIO
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Final

import grpc

from twelve333.adapters.processes import Process
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.api.registration.v1 import service_pb2, service_pb2_grpc
from twelve333.cli.demo.federation import Federation
from twelve333.client.connection import read_profile

from .figure import MICROSECONDS, Figure, Measured, figure, middle
from .measure import ROUNDS, Failed, Round, interleave, percentile, scaled

STEADY: Final = ("310000", "350000", "360000", "370000")
FLOODING: Final = "320000"
CALLS_PER_SECOND: Final = 25  # of each steady caller
CALLS: Final = 100  # of each steady caller in one round
TIMES: Final = 100  # as often does the flood ask
IN_HAND: Final = 500  # of the flood at most
CONNECTIONS: Final = 4  # that it has
REFUSED: Final = 20  # before the steady callers begin
SLOWDOWN_MAX: Final = 1.2
SECONDS: Final = 10.0
SHARE: Final = 0.99


async def flood() -> list[Figure]:
    """`hub.flood_p99`: the time of single calls of four provinces while a third floods the hub."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        federation = Federation(Path(folder), lambda *_args, **_params: None, {"TWELVE333_LOGGING__LEVEL": "warning"})
        try:
            await federation.start_hub()
            await federation.add_nodes([*STEADY, FLOODING])
            for node in federation.nodes.values():  # their certificates are used here; they themselves would only disturb
                await node.process.stop()
            return [await _compare(federation)]
        finally:
            await federation.stop()


async def _compare(federation: Federation) -> Figure:
    profiles = {province: node.folder / "profiles" / "hub" for province, node in federation.nodes.items()}

    async def calm() -> Round:
        return await _steady(profiles)

    async def flooded() -> Round:
        command = (sys.executable, "-m", "benchmarks.flood", profiles[FLOODING])
        answers = federation.folder / "flood.answers"
        answers.unlink(missing_ok=True)
        process = Process("flood", [*command, answers], log=federation.folder / "flood.log")

        async def refused() -> bool:
            return await _refusals(answers) >= REFUSED

        await process.start(refused, within_seconds=20)
        async with process:
            before, done = await _refusals(answers), await _steady(profiles)
            if await _refusals(answers) == before:
                raise Failed("the flood ended before the round did")
            return done

    rounds = await interleave({"calm": calm, "flooded": flooded}, ROUNDS)
    ours, theirs = _tail(rounds["flooded"]), _tail(rounds["calm"])
    return figure("hub.flood_p99", MICROSECONDS, ours, "the same callers without a flood", theirs, SLOWDOWN_MAX * theirs.value)


def _tail(rounds: list[Round]) -> Measured:
    """The 99th percentile of each round, and the median of those: what else the machine does in one round does not decide."""
    return middle([percentile(one.times, SHARE) * 1e6 for one in rounds])


async def _steady(profiles: Mapping[str, Path]) -> Round:
    """One round: each steady caller asks at its pace, whether or not it has its last answer."""
    began = perf_counter()
    took = await asyncio.gather(*(_paced(profiles[province]) for province in STEADY))
    times = [one for single in took for one in single]
    return Round(len(times), perf_counter() - began, times)


async def _paced(profile: Path) -> list[float]:
    async with _dialled(profile) as channel:
        await _ask(channel)  # connected before the clock runs
        async with asyncio.TaskGroup() as group:
            asked = []
            for _ in range(scaled(CALLS, 10)):
                asked.append(group.create_task(_timed(channel)))
                await asyncio.sleep(1 / CALLS_PER_SECOND)
    return [one.result() for one in asked]


async def _timed(channel: grpc.aio.Channel) -> float:
    began = perf_counter()
    try:
        await _ask(channel)
    except grpc.aio.AioRpcError as error:
        raise Failed(f"a steady caller was refused: {error.details()}") from error
    return perf_counter() - began


async def _ask(channel: grpc.aio.Channel) -> None:
    await service_pb2_grpc.RegistrationServiceStub(channel).ListMembers(service_pb2.ListMembersRequest(), timeout=SECONDS)


def _dialled(profile: Path, *options: tuple[str, int]) -> grpc.aio.Channel:
    address, member = read_profile(profile)
    return grpc.aio.secure_channel(address, channel_credentials(profile), options=[*channel_options(member), *options])


async def _refusals(answers: Path) -> int:
    """How often the hub has refused the flood: one byte each."""
    return await asyncio.to_thread(lambda: answers.stat().st_size if answers.exists() else 0)


async def run(profile: Path, answers: Path) -> None:
    """Flood until the process is ended; the file `answers` grows by a byte with each refusal.

    Over several connections, for one is held to what it may ask at once. The process takes only what processor time is left over: a
    province has a machine of its own, and what its flood costs there is no part of the figure.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    asked, own = set[asyncio.Task[None]](), ("grpc.use_local_subchannel_pool", 1)
    with answers.open("ab", buffering=0) as refused:
        for channel in cycle([_dialled(profile, own) for _ in range(CONNECTIONS)]):
            if len(asked) < IN_HAND:
                task = asyncio.create_task(_flood_once(channel, refused))
                asked.add(task)
                task.add_done_callback(asked.discard)
            await asyncio.sleep(1 / (TIMES * CALLS_PER_SECOND))


async def _flood_once(channel: grpc.aio.Channel, refused: FileIO) -> None:
    try:
        await _ask(channel)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            refused.write(b"-")


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
