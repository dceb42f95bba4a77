"""The broker as the simulator has it: a queue per destination that redelivers until acknowledged, may forget everything, and may be down.

Kept as in the real one: events can be handed over only once the hub has made the stream; an acknowledgement says "taken", not "durable";
receipts are not kept for who is away.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from ...core.ids import HUB
from .world import World

if TYPE_CHECKING:
    from .bus import VirtualBus

ACK_WAIT_S: Final = 30.0


@dataclass(slots=True, eq=False)
class Stored:
    """One event in the stream, and from when it may be handed out (again)."""

    subject: str
    data: bytes
    due: float = 0.0


@dataclass(slots=True)
class Link:
    """A member's line to the broker, one flag per direction."""

    out_cut: bool = False
    in_cut: bool = False

    @property
    def whole(self) -> bool:
        """Whether both directions work."""
        return not (self.out_cut or self.in_cut)


@dataclass(slots=True)
class Broker:
    """See the module."""

    world: World
    up: bool = True
    has_stream: bool = False
    queues: dict[str, list[Stored]] = field(default_factory=dict)
    sessions: dict[str, VirtualBus] = field(default_factory=dict)  # by member; only those connected now
    links: dict[str, Link] = field(default_factory=dict)
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = self.world.chance("broker")

    def link(self, member: str) -> Link:
        """The line of a member."""
        return self.links.setdefault(member, Link())

    def crash(self, forget: float) -> None:
        """Stop at once; of what was stored, about this share is forgotten, newest first."""
        self.up = False
        for destination, queue in self.queues.items():
            kept = len(queue) - round(len(queue) * forget)
            self.world.trace("broker", "forgets", destination, len(queue) - kept)
            del queue[kept:]
        if forget >= 1:
            self.has_stream = False
        for bus in list(self.sessions.values()):
            bus.drop()

    def start(self) -> None:
        """Be there again."""
        self.up = True

    def joined(self, bus: VirtualBus) -> None:
        """A session began."""
        self.sessions[bus.member] = bus
        if bus.member == HUB:
            self.has_stream = True
        self.pump(bus.member)

    def left(self, bus: VirtualBus) -> None:
        """A session ended."""
        if self.sessions.get(bus.member) is bus:
            del self.sessions[bus.member]

    def store(self, subject: str, data: bytes) -> None:
        """Take an event into the stream."""
        destination = subject.split(".")[3]
        copies = 2 if self.chance.random() < self.world.weather.duplicate else 1
        self.queues.setdefault(destination, []).extend(Stored(subject, data) for _ in range(copies))
        self.pump(destination)

    def forget(self, destination: str, stored: Stored) -> None:
        """It was acknowledged."""
        queue = self.queues.get(destination, [])
        if stored in queue:
            queue.remove(stored)

    def pump(self, destination: str) -> None:
        """Hand out whatever is due to a member that is connected."""
        bus = self.sessions.get(destination)
        if bus is None or not self.up:
            return
        loop = asyncio.get_running_loop()
        due = [stored for stored in self.queues.get(destination, []) if stored.due <= loop.time()]
        for stored in due:
            stored.due = loop.time() + ACK_WAIT_S
            if self.passes(self.link(destination).in_cut):
                loop.call_later(self.delay(), bus.arrive, stored)
        if due:
            loop.call_later(ACK_WAIT_S, self.pump, destination)

    def receipt(self, subject: str, data: bytes) -> None:
        """Pass a receipt on to who is connected, and forget it."""
        for _ in range(2 if self.chance.random() < self.world.weather.duplicate else 1):
            bus = self.sessions.get(subject.split(".")[3])
            if self.up and bus is not None and self.passes(self.link(bus.member).in_cut):
                asyncio.get_running_loop().call_later(self.delay(), bus.receipt_arrives, subject, data)

    def passes(self, cut: bool) -> bool:
        """Whether a message gets through now."""
        return not cut and self.chance.random() >= self.world.weather.loss

    def delay(self) -> float:
        """How long a message takes."""
        weather = self.world.weather
        if self.chance.random() < weather.slow:
            return self.chance.uniform(0, weather.slow_s)
        return self.chance.uniform(0.0005, 0.03)
