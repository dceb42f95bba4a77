"""One member's connection to the simulated broker, behind the port that the production relay stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from random import Random
from typing import Final

from ...adapters.bus.port import Incoming
from ...core.decision import Refused, refuse
from ...core.delivery.codes import BROKER_AWAY
from ...core.delivery.rules import back_off
from .broker import Broker, Stored

PUBLISH_TIMEOUT_S: Final = 10.0
NOTICED_S: Final = 11.0  # how long a half-open link stays unnoticed
RETRY_BASE: Final = timedelta(milliseconds=100)
RETRY_CAP: Final = timedelta(seconds=10)


class VirtualBus:
    """See `Bus`.

    Args:
        broker: the other end.
        member: who we are.
        chance: for pauses.
        watch: called with subject and bytes of every receipt we send, before it leaves.
    """

    def __init__(self, broker: Broker, member: str, chance: Random, watch: Callable[[bytes], None]) -> None:
        self.member = member
        self._broker, self._chance, self._watch = broker, chance, watch
        self._arrived: list[Stored] = []
        self._news, self._lost = asyncio.Event(), asyncio.Event()
        self._session = 0  # odd while connected
        self._dead = False
        self._on_connected: list[Callable[[], None]] = []
        self._on_receipt: list[Callable[[str, bytes], None]] = []

    @property
    def connected(self) -> bool:
        """See `Bus.connected`."""
        return self._session % 2 == 1

    def on_connected(self, listener: Callable[[], None]) -> None:
        """See `Bus.on_connected`."""
        self._on_connected.append(listener)

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """See `Bus.on_receipt`."""
        self._on_receipt.append(listener)

    async def start(self) -> None:
        """See `Bus.start`."""
        asyncio.create_task(self._supervise(), name="bus")  # noqa: RUF006 - owned by the life, see `loop`

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """See `Bus.publish`."""
        network, session = self._broker.network, self._session
        if not self.connected or not self._broker.has_stream:
            raise Refused(refuse(BROKER_AWAY))
        delay = network.delay()
        if delay >= PUBLISH_TIMEOUT_S:  # too late for us, not for the broker
            asyncio.get_running_loop().call_later(delay, self._put, session, messages)
            await asyncio.sleep(PUBLISH_TIMEOUT_S)
            raise Refused(refuse(BROKER_AWAY))
        await asyncio.sleep(delay)
        taken = self._put(session, messages)
        if len(taken) < len(messages) or not network.passes(network.to_broker(self.member).in_cut):
            await asyncio.sleep(PUBLISH_TIMEOUT_S)
            raise Refused(refuse(BROKER_AWAY))
        self.taken(taken)

    def _put(self, session: int, messages: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """What of it reaches the broker in the same session, which stores it."""
        line = self._broker.network.to_broker(self.member)
        taken = [message for message in messages if session == self._session and self._broker.network.passes(line.out_cut)]
        for subject, data in taken:
            self._broker.store(subject, data)
        return taken

    def taken(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """The broker has said that it took them, which promises nothing; a planted fault believes it."""

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """See `Bus.fetch`."""
        try:
            async with asyncio.timeout(wait_s):
                while not self._arrived:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return []
        taken, self._arrived = self._arrived[:limit], self._arrived[limit:]
        return [Incoming(stored.subject, stored.data, partial(self._acknowledge, stored)) for stored in taken]

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """See `Bus.send_receipt`."""
        if self._dead:
            return
        self._watch(data)
        if self.connected and self._broker.network.passes(self._broker.network.to_broker(self.member).out_cut):
            self._broker.receipt(subject, data)

    async def close(self) -> None:
        """See `Bus.close`."""
        self.kill()

    def kill(self) -> None:
        """The process is gone."""
        self._dead = True
        self.drop()

    def drop(self) -> None:
        """The session is over."""
        if self.connected:
            self._session += 1
            self._arrived.clear()
            self._broker.left(self)
            self._lost.set()

    def arrive(self, stored: Stored) -> None:
        """An event came off the line."""
        if self.connected:
            self._broker.world.trace(self.member, "arrives", stored.subject, stored.number)
            self._broker.arrived(stored)
            self._arrived.append(stored)
            self._news.set()

    def receipt_arrives(self, subject: str, data: bytes) -> None:
        """A receipt came off the line."""
        for listener in self._on_receipt if self.connected else ():
            listener(subject, data)

    def notice_cut(self) -> None:
        """Some time after a cut: if it is still there, the pings have told."""
        if not self._broker.network.to_broker(self.member).whole:
            self.drop()

    async def _acknowledge(self, stored: Stored) -> None:
        if self.connected and self._broker.network.passes(self._broker.network.to_broker(self.member).out_cut):
            self._broker.forget(self.member, stored)

    async def _supervise(self) -> None:
        attempt = 0
        while not self._dead:
            await asyncio.sleep(self._broker.network.delay())
            if self._broker.up and self._broker.network.to_broker(self.member).whole:
                attempt = 0
                self._lost.clear()
                self._session += 1
                self._broker.joined(self)
                for listener in self._on_connected:
                    listener()
                await self._lost.wait()
            await asyncio.sleep(back_off(attempt, self._chance.random(), RETRY_BASE, RETRY_CAP).total_seconds())
            attempt += 1
