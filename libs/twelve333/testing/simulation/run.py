"""One seed from beginning to verdict."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from .broker import Broker
from .checks import check, quiet
from .direct import VirtualDirect
from .ledger import Ledger
from .loop import Stuck, run_virtually
from .network import Network
from .node import Node
from .plants import NONE, Plant
from .scenario import MEMBERS, Scenario, Trouble
from .world import World

HEALS_WITHIN_S: Final = 900.0  # virtual; the longest pause between two tries is a minute
LOOK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed.

    Args:
        seed: which.
        digest: the hash of everything that happened, in order.
        broken: the promises that did not hold; empty when all did.
        counts: how often what happened.
        healed_s: virtual seconds from the end of trouble until all was confirmed.
        lines: the trace, if it was asked for.
    """

    seed: int
    digest: str
    broken: tuple[str, ...]
    counts: dict[str, int]
    healed_s: float
    lines: tuple[str, ...] = ()


def simulate(seed: int, plant: Plant = NONE, *, keep: bool = False) -> Outcome:
    """Run one seed.

    Args:
        seed: decides everything.
        plant: a planted fault.
        keep: return the trace as text too.
    """
    world = World(seed, keep)
    healed: list[float] = []

    async def live() -> None:
        healed.append(await _live(world, plant))

    with plant.planted(), _silence():
        try:
            run_virtually(live)
        except Stuck as stuck:
            world.broken.append(f"heals by itself: the world {stuck}")
    return Outcome(seed, world.digest, tuple(world.broken), dict(world.counts), sum(healed), tuple(world.lines))


async def _live(world: World, plant: Plant) -> float:
    chance = world.chance("scenario")
    scenario = Scenario.of(chance)
    network, ledger, workload = Network(world), Ledger(), scenario.workload()
    broker = Broker(world, network)
    nodes: dict[str, Node] = {}
    for member in MEMBERS:
        direct = VirtualDirect(network, member, lambda name: nodes[name].called) if scenario.direct else None
        nodes[member] = Node(world, broker, ledger, member, workload, direct, plant)
    trouble = Trouble(world, network, broker, nodes, scenario)
    for node in nodes.values():  # a cold start in any order
        node.skew_s = chance.uniform(-scenario.skew_s, scenario.skew_s)
        asyncio.get_running_loop().call_later(chance.uniform(0, 5), node.start)
    await trouble.make()
    workload.over = True
    trouble.heal()
    healed_s = await _settled(world, nodes)
    for node in nodes.values():
        node.crash("is stopped")
    check(world, ledger, nodes)
    world.trace("-", "ends", len(ledger.operations), len(ledger.steps))
    world.counts["accepted"] = sum(asked.accepted for asked in ledger.operations.values()) + len(ledger.steps)
    world.counts["clouded"] = len(ledger.clouded)
    await asyncio.sleep(1)  # what was killed ends
    for node in nodes.values():
        node.disk.close()
    return healed_s


async def _settled(world: World, nodes: dict[str, Node]) -> float:
    """Wait until every outbox is confirmed twice in a row; scheduled trouble that comes late is part of the wait."""
    began, calm = world.now(), 0
    while world.now() < began + HEALS_WITHIN_S:
        await asyncio.sleep(LOOK_EVERY_S)
        calm = calm + 1 if quiet(nodes.values()) else 0
        if calm >= 14:
            return world.now() - began - 14 * LOOK_EVERY_S
    world.breach("heals by itself", f"something still waits {HEALS_WITHIN_S:.0f} s after everything was well again")
    return HEALS_WITHIN_S


@contextmanager
def _silence() -> Iterator[None]:
    """No logs during a run, and no chance from outside."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
        structlog.configure(**before)
