"""A bus that keeps revoked members out: nothing of theirs is taken, nothing is told to them.

What they sent gets no receipt, so it stays in their outbox, and what is for them stays in ours: once such a member has joined again,
both go on where they stood and nothing is lost. A node learns of the revocation from the directory, so it holds without the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...wire.subjects import destination_of, sender_of
from ..telemetry.logs import logger
from .port import Bus, Incoming

log = logger("delivery")


class GuardedBus:
    """See `Bus`.

    Args:
        bus: does the work.
        excluded: whether a member is revoked.
    """

    def __init__(self, bus: Bus, excluded: Callable[[str], bool]) -> None:
        self._bus = bus
        self._excluded = excluded

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._bus.connected

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`."""
        self._bus.on_connected(listener)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`; receipts of revoked members are dropped."""

        def guarded(subject: str, data: bytes) -> None:
            if not self._excluded(sender_of(subject) or ""):
                listener(subject, data)

        self._bus.on_receipt(guarded)

    async def start(self) -> None:
        """See `Bus.start`."""
        await self._bus.start()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`; what is for revoked members waits in the outbox, like anything that gets no receipt."""
        told = [each for each in messages if not self._excluded(destination_of(each[0]) or "")]
        if told:
            await self._bus.publish(told)

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        taken: list[Incoming] = []
        for message in await self._bus.fetch(limit, wait_s):
            sender = sender_of(message.subject) or ""
            if self._excluded(sender):
                log.warning("event of a revoked member not taken", peer=sender)
                await message.acknowledge()  # the broker need not keep it: without a receipt its origin does
            else:
                taken.append(message)
        return taken

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        if not self._excluded(destination_of(subject) or ""):
            await self._bus.send_receipt(subject, data)

    async def close(self) -> None:
        """See `Bus.close`."""
        await self._bus.close()
