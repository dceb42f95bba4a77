"""From the broker into the inbox: one unit of work per batch, then the receipts, then the broker may forget.

Rule served: a receipt is sent only after the commit. Origins take turns, also with what comes while others' events are taken, so that
the flood of some holds up nobody else by more than one unit of work. An event that cannot be applied is tried a few times and then set
aside, so that those behind it go on; while the database is away nothing is counted against any event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import structlog

from ...core.decision import Kind, Refusal, Refused
from ...core.delivery.model import Receipt
from ...core.delivery.rules import by_turns
from ...wire.batch import decode_batch
from ...wire.envelope import decode_envelope, encode_receipt
from ...wire.subjects import is_batch, receipt_subject, sender_of
from ..bus.port import Bus, Incoming
from ..sql.database import Database
from ..sql.delivery import Arrival, Delivery, Received
from .intake import TRIES_MAX, Intake

FETCH_MESSAGES_MAX: Final = 256
WORK_EVENTS_MAX: Final = 1024  # in one unit of work, so that others need not wait long for theirs
FETCH_WAIT_S: Final = 30.0

Waiting = tuple[Arrival, Incoming | None]  # an event, and the message that is done with when it is

log = structlog.get_logger("twelve333.delivery")


class Receiver:
    """One task that takes, applies and confirms; see `Relay` for who starts it."""

    def __init__(self, database: Database, delivery: Delivery, bus: Bus, intake: Intake, everybody: Sequence[str]) -> None:
        self._database, self._delivery, self._bus, self._intake = database, delivery, bus, intake
        self._everybody = everybody
        self._closing = asyncio.Event()
        self._fetching: asyncio.Task[object] | None = None  # the task of `receive_forever`, while it has nothing in hand
        self._connected = asyncio.Event()

    def attach(self) -> None:
        """Listen to what may give work."""
        self._bus.on_connected(self._connected.set)

    def stop(self) -> None:
        """Finish the batch in hand, then end."""
        self._closing.set()
        if self._fetching is not None:
            self._fetching.cancel()

    async def receive_forever(self) -> None:
        """Take batch after batch until told to stop."""
        while not self._closing.is_set():
            if incoming := await self._fetch():
                await self._take(incoming)
            else:
                await asyncio.sleep(0)  # a session that has ended answers at once: let its supervisor notice

    async def _fetch(self) -> list[Incoming]:
        """What has come; nothing once we are told to stop."""
        self._fetching = asyncio.current_task()
        try:
            return await self._bus.fetch(FETCH_MESSAGES_MAX, FETCH_WAIT_S)
        except asyncio.CancelledError:
            if self._closing.is_set():
                return []
            raise
        finally:
            self._fetching = None

    async def greet_forever(self) -> None:
        """On every new connection tell each origin how far we are, so that it sends again what was lost meanwhile."""
        while True:
            await self._connected.wait()
            self._connected.clear()
            try:
                hellos = partial(self._delivery.inbox.hellos, everybody=self._everybody)
                await self._confirm(await self._database.read(hellos))
            except Refused as refused:  # origins ask by themselves when they hear nothing
                log.warning("no greeting sent", code=refused.refusal.code.name)

    async def _take(self, incoming: list[Incoming]) -> None:
        waiting = by_turns([each for message in incoming for each in _arrivals(message)], _origin)
        tries, away = 0, 0
        failure: Refusal | None = None
        while waiting:
            chosen = waiting[:WORK_EVENTS_MAX]
            received = await self._receive([arrival for arrival, _ in chosen], failure if tries >= TRIES_MAX else None)
            if received is None:
                away += 1
            else:
                await self._settle(received, chosen)
                waiting, failure, away = waiting[received.done :], received.failure, 0
                tries = 1 if received.done else tries + 1
                if failure is None:
                    waiting = await self._joined(waiting)
            if self._closing.is_set():
                return  # the rest is sent again by its origins
            if waiting and (received is None or failure):
                await self._pause(tries + away)

    async def _joined(self, waiting: Sequence[Waiting]) -> Sequence[Waiting]:
        """What still waits, and in turns with it what has come meanwhile; never more messages in hand than one fetch brings."""
        room = FETCH_MESSAGES_MAX - sum(message is not None for _, message in waiting)
        if not waiting or room <= 0:
            return waiting
        come = [each for message in await self._bus.fetch(room, 0) for each in _arrivals(message)]
        return by_turns([*waiting, *come], _origin) if come else waiting

    async def _receive(self, arrivals: Sequence[Arrival], park: Refusal | None) -> Received | None:
        """One unit of work for the batch; None when the database is away."""
        try:
            return await self._intake.receive(arrivals, park)
        except Refused as refused:
            if refused.refusal.code.kind not in (Kind.UNAVAILABLE, Kind.EXHAUSTED):
                raise
            log.warning("events wait", code=refused.refusal.code.name)
            return None

    async def _settle(self, received: Received, chosen: Sequence[Waiting]) -> None:
        """After the commit: confirm to the origins, then let the broker forget the messages that are done with."""
        await self._confirm(list(received.receipts.values()))
        for _, message in chosen[: received.done]:
            if message is not None:
                await message.acknowledge()

    async def _confirm(self, receipts: Sequence[Receipt]) -> None:
        for receipt in receipts:
            await self._bus.send_receipt(receipt_subject(receipt.sender, receipt.origin), encode_receipt(receipt))

    async def _pause(self, attempt: int) -> None:
        try:
            async with asyncio.timeout(self._intake.pause(attempt)):
                await self._closing.wait()
        except TimeoutError:
            return


def _origin(waiting: Waiting) -> str:
    return waiting[0].sender


def _arrivals(message: Incoming) -> list[Waiting]:
    """What is inside; the last one carries the message, which is done with when that one is."""
    sender = sender_of(message.subject) or "unknown"
    if message.refusal is not None:
        return [(Arrival(sender, None, message.refusal), message)]
    inside = decode_batch(message.data) if is_batch(message.subject) else decode_envelope(message.data)
    if isinstance(inside, Refusal):
        return [(Arrival(sender, None, inside), message)]
    envelopes = inside if isinstance(inside, list) else [inside]
    *others, last = [Arrival(sender, envelope) for envelope in envelopes]
    return [*((arrival, None) for arrival in others), (last, message)]
