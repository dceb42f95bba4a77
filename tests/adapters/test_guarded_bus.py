"""A revoked member is told nothing and nothing of it is taken; what waits for it waits, and is not lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twelve333.adapters.bus.guarded import GuardedBus
from twelve333.adapters.bus.port import Incoming


class Broker:
    """A bus that remembers what it was given."""

    connected = True

    def __init__(self) -> None:
        self.published: list[str] = []
        self.receipts: list[str] = []
        self.waiting: list[Incoming] = []
        self.forgotten: list[str] = []
        self.listeners: list[Callable[[str, bytes], None]] = []

    def on_connected(self, listener: Callable[[], None]) -> None:
        """Nobody listens here."""

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        self.listeners.append(listener)

    async def start(self) -> None:
        """Nothing to start."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self.published += [subject for subject, _ in messages]

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        return self.waiting

    async def send_receipt(self, subject: str, data: bytes) -> None:
        self.receipts.append(subject)

    async def close(self) -> None:
        """Nothing to close."""

    def comes(self, subject: str) -> None:
        async def forget() -> None:
            self.forgotten.append(subject)

        self.waiting.append(Incoming(subject, b"", forget))


async def test_nothing_passes_between_us_and_a_revoked_member() -> None:
    broker, heard = Broker(), list[str]()
    bus = GuardedBus(broker, lambda member: member == "320000")
    bus.on_receipt(lambda subject, _: heard.append(subject))
    broker.comes("t333.ev.320000.350000.cases")
    broker.comes("t333.ev.310000.350000.cases")
    assert [each.subject for each in await bus.fetch(10, 1.0)] == ["t333.ev.310000.350000.cases"]
    assert broker.forgotten == ["t333.ev.320000.350000.cases"]
    await bus.publish([("t333.ev.350000.320000.cases", b""), ("t333.ev.350000.hub.cases", b"")])
    assert broker.published == ["t333.ev.350000.hub.cases"]
    await bus.send_receipt("t333.rc.350000.320000", b"")
    assert broker.receipts == []
    for listener in broker.listeners:
        listener("t333.rc.320000.350000", b"")
        listener("t333.rc.hub.350000", b"")
    assert heard == ["t333.rc.hub.350000"]
