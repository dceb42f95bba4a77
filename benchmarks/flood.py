"""What one province that floods the hub does to the others: a hub in its own process, two callers that ask steadily, a third that floods.

The flood runs in a process of its own (`python -m benchmarks.flood PROFILE`): 500 calls in hand, each repeated as soon as it ends, with
no regard for what the hub says. The peer is the same two callers without it; the target is their p99 and a fifth.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
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

STEADY: Final = ("350000", "360000")
FLOODING: Final = "320000"
CALLS_PER_SECOND: Final = 25  # of each steady caller; the flood has no pace
CALLS: Final = 100  # of each steady caller in one round
IN_HAND: Final = 500
REFUSED: Final = 100  # before the steady callers begin
SLOWDOWN_MAX: Final = 1.2
SECONDS: Final = 10.0
SHARE: Final = 0.99


async def flood() -> list[Figure]:
    """`hub.flood_p99`: the time of single calls of two provinces while a third floods the hub."""
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
        await process.start(_refused(answers), within_seconds=20)
        async with process:
            return await _steady(profiles)

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


def _dialled(profile: Path) -> grpc.aio.Channel:
    address, member = read_profile(profile)
    return grpc.aio.secure_channel(address, channel_credentials(profile), options=channel_options(member))


def _refused(answers: Path) -> Callable[[], Awaitable[bool]]:
    """Asks whether the hub has begun to refuse the flood."""

    async def probe() -> bool:
        return await asyncio.to_thread(answers.exists)

    return probe


async def run(profile: Path, answers: Path) -> None:
    """Flood until the process is ended; the file `answers` appears when the hub has refused as many as it let in at most."""
    refused = count(1)

    async with _dialled(profile) as channel:

        async def caller() -> None:
            while True:
                try:
                    await _ask(channel)
                except grpc.aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and next(refused) == REFUSED:
                        await asyncio.to_thread(answers.touch)

        await asyncio.gather(*(caller() for _ in range(IN_HAND)))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), Path(sys.argv[2])))
