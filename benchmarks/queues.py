"""How soon a change of a queue is known everywhere: told by one member, signed, over a real broker, checked and taken by 32 others.

All members live in this process and on its cores, each with its own key, certificate and session at the broker. The peer is the same
message on the same sessions, as it arrives, before anything of it is checked.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, Final, cast

from province_node.queues import QueueBoard
from province_node.rates import RateBoard
from twelve333.adapters.bus.nats import NatsBus, NatsSettings
from twelve333.adapters.bus.signed import Signing
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.clock import system_clock
from twelve333.adapters.signing.statements import Signer, Verifier
from twelve333.cli.demo.federation import Federation
from twelve333.core.registration.model import Unit
from twelve333.core.routing.queues import Report
from twelve333.data import provinces, units_2013

from .crowd import enrol
from .figure import Figure, times
from .measure import ROUNDS, Failed, Round, scaled

PEER: Final = "the same message as it arrives, unchecked"
TARGET_US: Final = 500_000.0  # known everywhere
CHANGES: Final = 40  # in one round
SECONDS: Final = 10.0
MEMBERS: Final = tuple(sorted(provinces()))


async def everywhere() -> list[Figure]:
    """`routing.queue_everywhere`: from the report of a telephone system until the last of the other members has taken it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twelve333-bench-")))
        federation = Federation(folder, lambda *_args, **_params: None, {"TWELVE333_LOGGING__LEVEL": "warning"})
        stack.push_async_callback(federation.stop)
        await federation.start_hub()
        crowd = await _gather(federation, stack)
        ours, bare = list[Round](), list[Round]()
        for turn in range(ROUNDS + 1):
            taken, arrived = await crowd.round(scaled(CHANGES))
            if turn:
                ours.append(taken)
                bare.append(arrived)
    figures = times("routing.queue_everywhere", ours, PEER, bare)
    return [replace(one, target=TARGET_US, met=one.value <= TARGET_US) if one.name.endswith("p99") else one for one in figures]


class Crowd:
    """One who tells and all who listen."""

    def __init__(self, teller: QueueBoard, listeners: list[QueueBoard], unit: str) -> None:
        self._teller, self._listeners, self._unit = teller, listeners, unit
        self._arrived = self._taken = 0
        self._times: dict[str, float] = {}
        self._all = asyncio.Event()

    def arrived(self) -> None:
        """A message is at one of them."""
        self._arrived += 1
        if self._arrived == len(self._listeners):
            self._times["arrived"] = perf_counter()

    def taken(self) -> None:
        """It was checked and taken by one of them."""
        self._taken += 1
        if self._taken == len(self._listeners):
            self._times["taken"] = perf_counter()
            self._all.set()

    async def round(self, changes: int) -> tuple[Round, Round]:
        """So many changes, one after another."""
        took: dict[str, list[float]] = {"taken": [], "arrived": []}
        for number in range(changes):
            self._arrived = self._taken = 0
            self._all.clear()
            began = perf_counter()
            self._teller.report(self._unit, Report(True, number + 1, 0, 0))
            await self._teller.tell()
            try:
                async with asyncio.timeout(SECONDS):
                    await self._all.wait()
            except TimeoutError as error:
                raise Failed(f"a change of a queue reached {self._taken} of {len(self._listeners)} members") from error
            if any(each.queues[self._unit].free != number + 1 for each in self._listeners):
                raise Failed("a member took another change than the one that was told")
            for name, samples in took.items():
                samples.append(self._times[name] - began)
        return tuple(Round(changes, sum(samples), samples) for samples in took.values())  # type: ignore[return-value]


async def _gather(federation: Federation, stack: AsyncExitStack) -> Crowd:
    units = {unit.code: unit for unit in units_2013()}
    async with federation.hub.connect() as hub:
        urls = {member: (await enrol(federation, hub, member)).broker_urls for member in MEMBERS}
    boards = {member: _board(member, units) for member in MEMBERS}
    teller, *others = MEMBERS
    crowd = Crowd(boards[teller], [boards[member] for member in others], teller)
    for member, board in boards.items():
        bus = NatsBus(NatsSettings(urls[member], member, member_tls(federation.folder / member)))
        if member != teller:
            bus.on_told(_calling(crowd.arrived))
        folder = federation.folder / member
        board.attach(bus, Signing(Signer(folder), Verifier(folder, lambda _key: False, system_clock), lambda _member: True))
        if member != teller:
            bus.on_told(_calling(crowd.taken))
        await bus.start()
        stack.push_async_callback(bus.close)
        await _connected(bus)
    return crowd


def _board(member: str, units: dict[str, Unit]) -> QueueBoard:
    members = frozenset(MEMBERS)
    view = SimpleNamespace(known_units=lambda: units, rates=RateBoard(), snapshot=SimpleNamespace(members=members, declarations={}))
    return QueueBoard(member, system_clock, cast("Any", view), lambda _member: False)


def _calling(then: Callable[[], None]) -> Callable[[str, bytes], None]:
    return lambda _subject, _data: then()


async def _connected(bus: NatsBus) -> None:
    live = asyncio.Event()
    bus.on_connected(live.set)
    if not bus.connected:
        async with asyncio.timeout(SECONDS):
            await live.wait()
