"""A bus, and a direct way, for a process that may not be the only copy of its member: nothing passes unless it is known to be.

Rule served: what a superseded copy tells has no effect, and what it is told is left for the copy that lives. A process that was held
up for longer than a lease lasts asks again before it says the next word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from ...core.decision import Refused
from ...core.delivery.codes import FENCE_OLD
from ...core.delivery.model import Envelope, Receipt
from ..bus.port import Bus, Incoming
from ..sql.standing import Standing
from .handover import Direct

Ready = Callable[[], Awaitable[None]]


class FencedBus:
    """See `Bus`.

    Args:
        bus: does the work.
        standing: what this copy may do.
        ready: waits until it is known; raises `Refused` with DELIVERY_FENCED or DELIVERY_COPY_UNDECIDED.
    """

    def __init__(self, bus: Bus, standing: Standing, ready: Ready) -> None:
        self._bus, self._standing, self._ready = bus, standing, ready

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._bus.connected

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`; also when this copy has become the one that tells, since now it can greet the others."""
        told = self._standing.copy.tells

        def changed() -> None:
            nonlocal told
            before, told = told, self._standing.copy.tells
            if told and not before and self._bus.connected:
                listener()

        self._bus.on_connected(listener)
        self._standing.on_change(changed)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`; a copy that may not tell closes nothing: the receipt is for what the other one told."""

        def guarded(subject: str, data: bytes) -> None:
            if self._standing.copy.tells:
                listener(subject, data)

        self._bus.on_receipt(guarded)

    async def start(self) -> None:
        """See `Bus.start`."""
        await self._bus.start()

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`.

        Raises:
            Refused: also DELIVERY_FENCED, DELIVERY_COPY_UNDECIDED.
        """
        await self._ready()
        await self._bus.publish(messages)

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`; without the right to take, nothing comes."""
        try:
            await self._ready()
        except Refused:
            await asyncio.sleep(min(wait_s, 1.0))
            return []
        taken = await self._bus.fetch(limit, wait_s)
        return taken if self._standing.copy.tells else []  # not acknowledged: the broker keeps it for the copy that lives

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        with suppress(Refused):
            await self._ready()
            await self._bus.send_receipt(subject, data)

    async def close(self) -> None:
        """See `Bus.close`."""
        await self._bus.close()


class FencedDirect:
    """See `Direct`; a destination that has heard of a newer copy says so.

    Args:
        direct: the way.
        ready: as for the bus.
        superseded: called when a destination has heard of a newer copy.
    """

    def __init__(self, direct: Direct, ready: Ready, superseded: Ready) -> None:
        self._direct, self._ready, self._superseded = direct, ready, superseded

    async def deliver(self, destination: str, envelopes: Sequence[Envelope]) -> Receipt:
        """See `Direct.deliver`."""
        await self._ready()
        try:
            return await self._direct.deliver(destination, envelopes)
        except Refused as refused:
            if refused.refusal.code == FENCE_OLD:
                await self._superseded()
            raise
