"""The broker as the simulator has it: a queue per destination that redelivers until acknowledged, may forget everything, and may be down.

Kept as in the real one: events can be handed over only once the hub has made the stream; an acknowledgement says "taken", not "durable";
receipts are not kept for who is away.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ...core.ids import HUB
from .network import Network
from .world import World

if TYPE_CHECKING:
    from .bus import VirtualBus

ACK_WAIT_S: Final = 30.0


@dataclass(slots=True, eq=False)
class Stored:
    """One event in the stream, and from when it may be handed out (again)."""

    number: int
    subject: str
    data: bytes
    due: float = 0.0


@dataclass(slots=True)
class Broker:
    """See the module."""

    world: World
    network: Network
    up: bool = True
    has_stream: bool = False
    queues: dict[str, list[Stored]] = field(default_factory=dict)
    sessions: dict[str, VirtualBus] = field(default_factory=dict)  # by member; only those connected now
    numbers: int = 0
    newest: dict[str, int] = field(default_factory=dict)  # by subject: the newest number that arrived

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
        origin, destination = subject.split(".")[2:4]
        self.network.meet(origin, destination)
        self.numbers += 1
        self.world.trace("broker", "stores", subject, self.numbers)
        copies = [Stored(self.numbers, subject, data) for _ in range(self.network.copies())]
        self.queues.setdefault(destination, []).extend(copies)
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
            self.world.counts["sent again by the broker"] += stored.due > 0
            stored.due = loop.time() + ACK_WAIT_S
            if self.network.passes(self.network.to_broker(destination).in_cut):
                loop.call_later(self.network.delay(), bus.arrive, stored)
        if due:
            loop.call_later(ACK_WAIT_S, self.pump, destination)

    def receipt(self, subject: str, data: bytes) -> None:
        """Pass a receipt on to who is connected, and forget it."""
        bus = self.sessions.get(subject.split(".")[3])
        if not self.up or bus is None:
            return
        for _ in range(self.network.copies()):
            if self.network.passes(self.network.to_broker(bus.member).in_cut):
                asyncio.get_running_loop().call_later(self.network.delay(), bus.receipt_arrives, subject, data)

    def arrived(self, stored: Stored) -> None:
        """Count what comes after something newer on the same subject."""
        newest = self.newest.get(stored.subject, 0)
        self.world.counts["overtaken"] += stored.number < newest
        self.newest[stored.subject] = max(newest, stored.number)
