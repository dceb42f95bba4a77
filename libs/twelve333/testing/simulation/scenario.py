"""From a seed to what goes wrong and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from ...core.ids import HUB
from .broker import Broker
from .bus import NOTICED_S
from .node import Node
from .world import Weather, World

_DIGITS: Final = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 66"
PROVINCES: Final = tuple(f"{digits}0000" for digits in _DIGITS.split())  # 31 of GB/T 2260, and the Corps
CALM: Final = Weather()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One seed's plan.

    Args:
        provinces: who takes part beside the hub.
        lasts_s: virtual seconds of work and trouble before everything heals.
        troubles: how many faults are injected.
        think_s: mean pause between two acts of one member.
        stale: how often an asker works from an old screen.
        skew_s: by how much clocks may be wrong.
    """

    provinces: tuple[str, ...]
    lasts_s: float
    troubles: int
    think_s: float
    stale: float
    skew_s: float

    @classmethod
    def of(cls, chance: Random) -> Scenario:
        """Most are small and mean; one in fifty is the whole country."""
        size = 32 if chance.random() < 0.02 else chance.choice((2, 2, 3, 3, 4, 5, 6))
        lasts_s = chance.choice((90.0, 200.0, 400.0))
        acts = chance.choice((25, 50, 80))
        return cls(
            provinces=tuple(chance.sample(PROVINCES, size)),
            lasts_s=lasts_s,
            troubles=chance.randint(2, 10),
            think_s=lasts_s * (size + 1) / (acts + 2 * size),
            stale=chance.choice((0.05, 0.3)),
            skew_s=chance.choice((0.0, 300.0)),
        )


class Trouble:
    """Injects the faults of one run, each as a task of its own."""

    def __init__(self, world: World, broker: Broker, nodes: dict[str, Node], scenario: Scenario) -> None:
        self._world, self._broker, self._nodes, self._scenario = world, broker, nodes, scenario
        self._chance = world.chance("trouble")

    async def make(self) -> None:
        """Trouble until the working day is over."""
        kinds: list[Callable[[], None]] = [self._kill, self._restore, self._kill_broker, self._cut, self._storm] * 2
        kinds += [self._fill_disk, self._kill_all]
        for _ in range(6):
            self._later(self._chance.uniform(0, self._scenario.lasts_s * 0.8), self._back_up)
        for _ in range(self._scenario.troubles):
            self._later(self._chance.uniform(0, self._scenario.lasts_s), self._chance.choice(kinds))
        await asyncio.sleep(self._scenario.lasts_s)

    def heal(self) -> None:
        """Everything works again, from now on."""
        self._world.trace("-", "heals")
        self._world.weather = CALM
        for member in self._nodes:
            self._broker.links.pop(member, None)
        self._broker.start()
        for node in self._nodes.values():
            node.set_fails(0.0)
            node.start()

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, act)

    def _some(self) -> Node:
        return self._nodes[self._chance.choice(list(self._nodes))]

    def _back_up(self) -> None:
        for node in self._nodes.values():
            if self._chance.random() < 0.5:
                node.back_up()

    def _kill(self) -> None:
        self._down(self._some())

    def _kill_all(self) -> None:
        for node in self._nodes.values():
            self._down(node)

    def _restore(self) -> None:
        node = self._some()
        if node.alive and node.disk.backups:
            self._down(node)
            node.restore(self._chance)

    def _down(self, node: Node) -> None:
        node.crash()
        self._later(self._chance.choice((0.5, 5.0, 60.0)) * self._chance.random(), node.start)

    def _kill_broker(self) -> None:
        self._world.trace("broker", "crashes")
        self._broker.crash(self._chance.choice((0.0, 0.5, 1.0, 1.0)))
        self._later(self._chance.uniform(0.5, 40), self._broker.start)

    def _cut(self) -> None:
        member, way = self._chance.choice(list(self._nodes)), self._chance.choice(("both", "out", "in"))
        self._world.trace(member, "cut", way)
        link = self._broker.link(member)
        link.out_cut, link.in_cut = way != "in", way != "out"
        self._later(NOTICED_S, lambda: self._notice(member))
        self._later(self._chance.uniform(1, 120), lambda: self._broker.links.pop(member, None))

    def _notice(self, member: str) -> None:
        if bus := self._broker.sessions.get(member):
            bus.notice_cut()

    def _storm(self) -> None:
        chance = self._chance
        loss, duplicate = chance.choice((0.0, 0.05, 0.3)), chance.choice((0.0, 0.2))
        weather = Weather(loss, duplicate, slow=chance.choice((0.0, 0.3)), slow_s=chance.choice((1.0, 30.0, 200.0)))
        self._world.trace("-", "storm", weather.loss, weather.duplicate, weather.slow, weather.slow_s)
        self._world.weather = weather
        self._later(chance.uniform(5, 120), self._calm)

    def _calm(self) -> None:
        self._world.weather = CALM

    def _fill_disk(self) -> None:
        node = self._some()
        self._world.trace(node.member, "disk full")
        node.set_fails(self._chance.choice((0.3, 1.0)))
        self._later(self._chance.uniform(1, 60), lambda: node.set_fails(0.0))


def members_of(scenario: Scenario) -> tuple[str, ...]:
    """The hub first."""
    return (HUB, *scenario.provinces)
