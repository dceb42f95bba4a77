"""Both directions of delivery for one member, started and stopped together."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from ..bus.port import Bus
from ..clock import Clock, system_clock
from ..sql.database import Database
from ..sql.delivery import Appliers, Delivery
from .handover import Direct
from .intake import Intake
from .receiver import Receiver
from .sender import Sender


class Relay:
    """Moves this member's events to the broker and the broker's events into this member.

    Args:
        database: holds outbox and inbox.
        delivery: this member's outbox and inbox.
        bus: not yet started; the relay starts and closes it.
        appliers: what to do with an event, by the full name of its message.
        clock, draw: the present time and random numbers in [0, 1), given for tests.
        direct: the way around a broker that is away; None to wait for it.
        everybody: all members there may be: each is told how far we are when we come back.
    """

    def __init__(
        self,
        database: Database,
        delivery: Delivery,
        bus: Bus,
        appliers: Appliers,
        clock: Clock = system_clock,
        draw: Callable[[], float] = random.random,
        direct: Direct | None = None,
        everybody: Sequence[str] = (),
    ) -> None:
        self._bus = bus
        self.intake = Intake(database, delivery, appliers, clock, draw)
        self._sender = Sender(database, delivery, bus, clock, draw, direct)
        self._receiver = Receiver(database, delivery, bus, self.intake, everybody)
        self._receiving: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""
        return self._bus.connected

    async def start(self) -> None:
        """Begin and return at once, whether the broker is there or not."""
        self._sender.attach()
        self._receiver.attach()
        await self._bus.start()
        self._receiving = asyncio.create_task(self._receiver.receive_forever(), name="relay-receive")
        forever = (self._receiver.greet_forever, self._sender.send_forever, self._sender.close_forever)
        self._tasks = [asyncio.create_task(step(), name=f"relay-{step.__name__}") for step in forever]

    async def wait_failed(self) -> None:
        """Return never; raise when a task of the relay has crashed, so that the process can end instead of going on half dead."""
        tasks = [task for task in (self._receiving, *self._tasks) if task is not None]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def stop(self) -> None:
        """Finish the batch in hand, hand over what is ready, and disconnect; what is not confirmed stays in the outbox."""
        self._receiver.stop()
        if self._receiving is not None:
            await asyncio.wait({self._receiving})
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
            await self._sender.send_last()
        await self._bus.close()
