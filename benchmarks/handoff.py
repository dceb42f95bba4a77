"""What a handoff costs between real processes: the decision asked over gRPC, and a call offered by one node and accepted by another.

Rates are those of 16 callers at once; names with `_one` are of a single caller, with `_many` of 64, with `_half` of calls that come half as
often as 16 callers were served, whether or not those before were answered. Each is measured beside a bare echo of the same shape, once what
the one before left to be told has been told.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import grpc

from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.api.routing.v1 import routing_pb2, service_pb2, service_pb2_grpc
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import until
from twelve333.client import Connection
from twelve333.client.connection import read_profile

from .bare_node import PEER as BARE
from .bare_node import bare_nodes
from .echo import PEER, echo
from .federation import ORIGIN, two_nodes
from .federation import PEER as PEER_NODE
from .figure import PER_SECOND, Figure, rate, rate_and_times, times
from .measure import Failed, Round, Side, concurrent, interleave, paced
from .postgres import databases

CALLERS: Final = 16
MANY: Final = 64
FROM_UNIT: Final = "360400"  # 九江
REGIONS: Final = ("350100", "350200", "350300", "350400", "350500")  # cities of 福建
TOPIC: Final = "0301"
SECONDS: Final = 30.0
SHARE: Final = 0.35  # of the echo's rate, to be reached
HALF_P99: Final = 25_000.0  # µs, at half load
ENDINGS: Final = {"": "usual", "_one": "one", "_many": "many"}
Ours = Callable[[], Awaitable[routing_pb2.Route | routing_pb2.Handoff]]
QUESTION: Final = "档案在福州，人在九江，如何办理转移手续？"


async def on_sqlite() -> list[Figure]:
    """`handoff.decision_grpc` and `handoff.node_to_node_sqlite`."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with two_nodes(Path(folder)) as federation, desk_of(federation) as desk:
            figures = await _compare("handoff.decision_grpc", Path(folder) / "echo-1", "ExplainRoute", desk.explain, desk)
            return figures + await _complete("handoff.node_to_node_sqlite", Path(folder) / "echo-2", desk, bare=True)


async def on_postgresql() -> list[Figure]:
    """`handoff.node_to_node_postgresql`: both nodes on databases of one durable cluster."""
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with databases(2) as urls, two_nodes(Path(folder), urls) as federation, desk_of(federation) as desk:
            return await _complete("handoff.node_to_node_postgresql", Path(folder) / "echo", desk)


@dataclass
class Desk:
    """A desktop of the origin that asks as fast as it is answered, with plain stubs like the echo's client."""

    channel: grpc.aio.Channel
    operators: Sequence[Connection] = ()
    held: list[str] = field(default_factory=list)
    numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._routing = service_pb2_grpc.RoutingServiceStub(self.channel)
        self.handoffs = service_pb2_grpc.HandoffServiceStub(self.channel)

    def question(self) -> service_pb2.PlaceHandoffRequest:
        """The next call, in turns about the cities of the other province."""
        number = next(self.numbers)
        call = routing_pb2.Call(id=f"bench-{number}", region=REGIONS[number % len(REGIONS)], topic=TOPIC, language="zh")
        context = [routing_pb2.ContextItem(name="question", text=QUESTION)]
        return service_pb2.PlaceHandoffRequest(call=call, from_unit=FROM_UNIT, context=context)

    async def explain(self) -> routing_pb2.Route:
        """Ask where it would go."""
        call = self.question().call
        return await self._routing.ExplainRoute(service_pb2.ExplainRouteRequest(call=call), timeout=SECONDS)

    async def place(self) -> routing_pb2.Handoff:
        """Hand it on; it must be accepted."""
        handoff = await self.handoffs.PlaceHandoff(self.question(), timeout=SECONDS)
        if handoff.state != routing_pb2.HANDOFF_STATE_ACCEPTED:
            raise Failed(f"a handoff ended {routing_pb2.HandoffState.Name(handoff.state)} {handoff.reason}")
        self.held.append(handoff.call.id)
        return handoff

    async def told(self) -> None:
        """Wait until nothing waits to be told: what one side left must not slow the next one down."""

        async def nothing_waits() -> bool:
            told = [await operator.delivery.status() for operator in self.operators]
            return not any(line.queued for status in told for line in status.outbox)

        if self.operators:
            await until("everything told", nothing_waits)

    async def give_back(self) -> None:
        """Free the seats that were taken, so that the next round finds what this one found."""

        async def some(ids: Sequence[str]) -> None:
            for one in ids:
                await self.handoffs.ReturnHandoff(service_pb2.ReturnHandoffRequest(id=one, reason="BENCHMARK"), timeout=SECONDS)

        await asyncio.gather(*(some(self.held[start::CALLERS]) for start in range(CALLERS)))
        self.held.clear()


@asynccontextmanager
async def desk_of(federation: Federation) -> AsyncIterator[Desk]:
    profile = federation.nodes[ORIGIN].folder / "profiles" / "desk-1"
    address, member = read_profile(profile)
    async with AsyncExitStack() as stack:
        options = channel_options(member)
        channel = await stack.enter_async_context(grpc.aio.secure_channel(address, channel_credentials(profile), options=options))
        yield Desk(channel, [await stack.enter_async_context(federation.nodes[each].connect()) for each in (ORIGIN, PEER_NODE)])


async def _complete(name: str, folder: Path, desk: Desk, *, bare: bool = False) -> list[Figure]:
    """Complete handoffs, with what they are to reach; and their times at half load."""
    figures = await _compare(name, folder / "full", "PlaceHandoff", desk.place, desk, bare=bare)
    rated = [replace(one, target=one.peer_value * SHARE, met=one.ratio >= SHARE) if _is_rate(one, name) else one for one in figures]
    reached = next(one.value for one in figures if one.name == name)
    answer, question = await desk.place(), desk.question()
    async with echo(folder / "half", {"PlaceHandoff": answer}) as peers:
        ask = partial(peers["PlaceHandoff"], question, timeout=SECONDS)
        sides = {"ours": settled(paced(desk.place, reached / 2), desk), "echo": paced(ask, reached / 2)}
        taken = await interleave(sides)
    half = times(f"{name}_half", taken["ours"], PEER, taken["echo"])
    return rated + [replace(one, target=HALF_P99, met=one.value <= HALF_P99) if one.name.endswith("_p99") else one for one in half]


def _is_rate(one: Figure, name: str) -> bool:
    """Whether it is a rate of ours beside the echo."""
    return one.unit == PER_SECOND and one.peer == PEER and one.name.startswith(name)


async def _compare(name: str, folder: Path, method: str, ours: Ours, desk: Desk, *, bare: bool = False) -> list[Figure]:
    """Ours and the echo of the same shape in turns, each with 16 callers, with one and with 64; `bare`: and nodes that do nothing else."""
    answer, question = await ours(), desk.question()
    async with AsyncExitStack() as stack:
        peers = await stack.enter_async_context(echo(folder, {method: answer}))
        path = await stack.enter_async_context(bare_nodes(folder / "bare", answer)) if bare else None
        asked = question if method == "PlaceHandoff" else service_pb2.ExplainRouteRequest(call=question.call)
        sides: dict[str, Side] = {}
        for key, callers in (("usual", CALLERS), ("one", 1), ("many", MANY)):
            sides[key] = settled(concurrent(ours, callers), desk)
            sides[f"echo {key}"] = concurrent(lambda: peers[method](asked, timeout=SECONDS), callers)
            if path:
                sides[f"bare {key}"] = concurrent(partial(path, question, timeout=SECONDS), callers)
        taken = await interleave(sides)
    return [one for end, key in ENDINGS.items() for one in _beside(name, end, taken[key], taken[f"echo {key}"], taken.get(f"bare {key}"))]


def _beside(name: str, end: str, ours: Sequence[Round], echoes: Sequence[Round], bare: Sequence[Round] | None) -> list[Figure]:
    """Ours beside the echo; and, of a handoff, beside the least that it could cost here, which itself is beside the echo."""
    figures = rate_and_times(f"{name}{end}", ours, PEER, echoes)
    if bare:
        figures += [rate(f"{name}{end}_path", ours, BARE, bare), rate(f"handoff.bare_path{end}", bare, PEER, echoes)]
    return figures


def tidied(side: Side, desk: Desk) -> Side:
    """A side after which the seats are given back."""

    async def tidied() -> Round:
        done = await side()
        await desk.give_back()
        return done

    return tidied


def settled(side: Side, desk: Desk) -> Side:
    """The same, and everything that was to be told about them is told."""

    async def settled() -> Round:
        done = await tidied(side, desk)()
        await desk.told()
        return done

    return settled
