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
from .network import Line, Network
from .node import Node
from .workload import Workload
from .world import CALM, Weather, World

_DIGITS: Final = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 66"
CLOCK_WRONG_S: Final = 300.0
PROVINCES: Final = tuple(f"{digits}0000" for digits in _DIGITS.split())  # 31 of GB/T 2260, and the Corps
MEMBERS: Final = (HUB, *PROVINCES)
LIVELY: Final = 0.85  # of all work and all trouble of single members is among the few that a seed chose, so that faults meet each other
QUIET_ACTS: Final = 8  # of all others together


@dataclass(frozen=True, slots=True)
class Scenario:
    """One seed's plan.

    Hub and all provinces always take part; a few of them do most of the work and get most of the trouble.

    Args:
        lively: those few, the hub first.
        lasts_s: virtual seconds of work and trouble before everything heals.
        troubles: how many faults are injected.
        acts: how much is done at the lively ones, about.
        stale: how often an asker works from an old screen.
        skew_s: by how much clocks are wrong from the start, at most.
        direct: whether members can reach each other around the broker.
    """

    lively: tuple[str, ...]
    lasts_s: float
    troubles: int
    acts: int
    stale: float
    skew_s: float
    direct: bool

    @classmethod
    def of(cls, chance: Random) -> Scenario:
        """Draw one."""
        return cls(
            lively=(HUB, *chance.sample(PROVINCES, chance.choice((2, 2, 3, 3, 4, 5, 6)))),
            lasts_s=chance.choice((90.0, 200.0, 400.0)),
            troubles=chance.randint(2, 10),
            acts=chance.choice((20, 40, 60)),
            stale=chance.choice((0.05, 0.3)),
            skew_s=chance.choice((0.0, CLOCK_WRONG_S)),
            direct=chance.random() < 0.7,
        )

    def workload(self) -> Workload:
        """What its people do."""
        quiet = len(MEMBERS) - len(self.lively)
        think_s, quiet_s = self.lasts_s * len(self.lively) / self.acts, self.lasts_s * quiet / QUIET_ACTS
        return Workload(MEMBERS, self.lively, LIVELY, think_s, quiet_s, self.stale)


class Trouble:
    """Injects the faults of one run, each as a task of its own."""

    def __init__(self, world: World, network: Network, broker: Broker, nodes: dict[str, Node], scenario: Scenario) -> None:
        self._world, self._network, self._broker, self._nodes, self._scenario = world, network, broker, nodes, scenario
        self._chance = world.chance("trouble")

    async def make(self) -> None:
        """Trouble until the working day is over."""
        often = (self._kill, self._restore, self._kill_broker, self._cut, self._storm, self._set_clock, self._fill_disk)
        kinds: list[Callable[[], None]] = [*often, *often, self._kill_all]
        for _ in range(6):
            self._later(self._chance.uniform(0, self._scenario.lasts_s * 0.8), self._back_up)
        for _ in range(self._scenario.troubles):
            self._later(self._chance.uniform(0, self._scenario.lasts_s), self._chance.choice(kinds))
        await asyncio.sleep(self._scenario.lasts_s)

    def heal(self) -> None:
        """Everything works again, from now on."""
        self._world.trace("-", "heals")
        self._network.heal()
        self._broker.start()
        for node in self._nodes.values():
            node.set_fails(0.0)
            node.start()

    def _later(self, seconds: float, act: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_later(seconds, act)

    def _some(self) -> Node:
        among = self._scenario.lively if self._chance.random() < LIVELY else MEMBERS
        return self._nodes[self._chance.choice(among)]

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
        self._world.trace("broker", "broker down")
        self._broker.crash(self._chance.choice((0.0, 0.5, 1.0, 1.0)))
        self._later(self._chance.uniform(0.5, 40), self._broker.start)

    def _cut(self) -> None:
        """A member's line to the broker, to its peers, or both; in both directions or in one."""
        member, lasts_s = self._some().member, self._chance.uniform(1, 120)
        road = self._chance.choice(("broker", "peers", "everybody"))
        way = self._chance.choice(("both", "out", "in"))
        self._world.trace(member, "cut", road, way)
        if road != "peers":
            self._cut_line(self._network.to_broker(member), way, lasts_s)
            self._later(NOTICED_S, lambda: self._notice(member))
        if road != "broker":
            self._cut_line(self._network.to_peers(member), way, lasts_s)

    def _cut_line(self, line: Line, way: str, lasts_s: float) -> None:
        line.out_cut, line.in_cut = way != "in", way != "out"
        self._later(lasts_s, lambda: self._network.mend(line))

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

    def _set_clock(self) -> None:
        """Forwards or backwards, at a member that goes on working."""
        self._some().set_clock(self._chance.uniform(-CLOCK_WRONG_S, CLOCK_WRONG_S))

    def _fill_disk(self) -> None:
        node = self._some()
        self._world.trace(node.member, "disk full")
        node.set_fails(self._chance.choice((0.3, 1.0)))
        self._later(self._chance.uniform(1, 60), lambda: node.set_fails(0.0))
