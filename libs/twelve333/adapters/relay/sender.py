"""From the outbox to the broker: in order per destination, within a window, closed only by receipts.

Wakes on what happens (something appended, a receipt, a new connection, a deadline) and never polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from opentelemetry import metrics, propagate, trace
from sqlalchemy import Connection

from ...core.decision import Refusal, Refused
from ...core.delivery.model import Envelope, OutboxHead, Receipt
from ...wire.envelope import decode_receipt, encode_envelope
from ...wire.subjects import event_subject, sender_of
from ..bus.port import Bus
from ..clock import Clock
from ..sql.database import Database
from ..sql.delivery import OUTBOX, Delivery
from .lines import Line

RETRY_S: Final = 1.0  # after the database was away
KEEP_CONFIRMED: Final = timedelta(days=30)  # so long a receiver restored from a backup can have them again
PRUNE_EVERY_S: Final = 3600.0

log = structlog.get_logger("twelve333.delivery")
_tracer = trace.get_tracer("twelve333.delivery")
_meter = metrics.get_meter("twelve333.delivery")
_sent = _meter.create_counter("twelve333.delivery.sent", unit="{event}", description="events handed to the broker, repeats included")
_confirmed = _meter.create_counter("twelve333.delivery.receipts", unit="{receipt}", description="receipts taken from other members")


class Sender:
    """One task that sends and one that closes; see `Relay` for who starts them."""

    def __init__(self, database: Database, delivery: Delivery, bus: Bus, clock: Clock, draw: Callable[[], float]) -> None:
        self._database, self._delivery, self._bus = database, delivery, bus
        self._clock, self._draw = clock, draw
        self._lines: dict[str, Line] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}  # newest of each kind per sender: bounded by the number of members
        self._wake, self._receipt_came = asyncio.Event(), asyncio.Event()
        self._prune_at = 0.0

    def attach(self) -> None:
        """Listen to what may give work."""
        self._database.after_commit(self._committed)
        self._bus.on_connected(self._new_session)
        self._bus.on_receipt(self._receipt)

    async def send_forever(self) -> None:
        """Send whatever may be sent, each time something happens."""
        while True:
            self._wake.clear()
            try:
                await self.send_round()
            except Refused as refused:
                log.warning("outbox not sent", code=refused.refusal.code.name)
                self._later(RETRY_S)
            await self._wait()

    async def close_forever(self) -> None:
        """Close outbox rows as receipts come, many in one unit of work."""
        while True:
            await self._receipt_came.wait()
            self._receipt_came.clear()
            taken, self._receipts = self._receipts, {}
            try:
                heads = await self._database.write(partial(self._close, receipts=list(taken.items())))
            except Refused as refused:  # the receipts are lost; their senders are asked again by the next deadline
                log.warning("receipts not kept", code=refused.refusal.code.name)
                continue
            self._confirmed(heads)

    async def send_round(self) -> None:
        """Hand over what every destination's window allows now."""
        if not self._bus.connected:
            return
        await self._prune()
        for head in await self._database.read(self._delivery.outbox.heads):
            line = self._lines.setdefault(head.destination, Line())
            chosen = line.plan(head, self._now())
            if chosen:
                await self._send(head, line, chosen)

    async def send_last(self) -> None:
        """One round before the end; what it cannot send waits in the outbox for the next start."""
        try:
            await self.send_round()
        except Refused as refused:
            log.info("outbox waits", code=refused.refusal.code.name)

    async def _send(self, head: OutboxHead, line: Line, chosen: range) -> None:
        envelopes = await self._database.read(partial(self._delivery.outbox.pending, head=head, sequences=chosen))
        try:
            await self._bus.publish([_message(envelope) for envelope in envelopes])
        except Refused:
            envelopes = []
        if not envelopes:
            line.failed(self._now(), self._draw)
            return
        _sent.add(len(envelopes), {"destination": head.destination})
        line.sent(range(envelopes[0].sequence, envelopes[-1].sequence + 1), self._now(), self._draw)

    def _close(self, tx: Connection, receipts: list[tuple[tuple[str, str], Receipt]]) -> list[tuple[OutboxHead, Receipt]]:
        heads: list[tuple[OutboxHead, Receipt]] = []
        for (sender, _reason), receipt in receipts:
            head = self._delivery.outbox.close(tx, receipt, sender, self._clock())
            if isinstance(head, Refusal):
                log.error("receipt refused", code=head.code.name, peer=sender)
            elif head is not None and head.epoch == receipt.epoch:
                heads.append((head, receipt))
        return heads

    def _confirmed(self, heads: list[tuple[OutboxHead, Receipt]]) -> None:
        for head, receipt in heads:
            _confirmed.add(1, {"peer": receipt.sender, "reason": receipt.reason.value})
            self._lines.setdefault(head.destination, Line(epoch=head.epoch)).confirmed(head, receipt.reason, self._now())
        self._wake.set()

    def _receipt(self, subject: str, data: bytes) -> None:
        sender, receipt = sender_of(subject), decode_receipt(data)
        if sender is None or isinstance(receipt, Refusal) or receipt.origin != self._delivery.member:
            log.warning("receipt unreadable", peer=sender or "")
            return
        self._receipts[sender, receipt.reason.value] = receipt
        self._receipt_came.set()

    def _committed(self, topics: frozenset[str]) -> None:
        if OUTBOX in topics:
            self._wake.set()

    def _new_session(self) -> None:
        for line in self._lines.values():
            line.forget()
        self._wake.set()

    async def _prune(self) -> None:
        if self._now() >= self._prune_at:
            self._prune_at = self._now() + PRUNE_EVERY_S
            before = self._clock() - KEEP_CONFIRMED
            await self._database.write(lambda tx: self._delivery.outbox.prune(tx, before))

    async def _wait(self) -> None:
        """Until something happens or the next deadline passes; a broker that is away makes no deadlines."""
        deadlines = [line.due for line in self._lines.values() if line.due is not None] if self._bus.connected else []
        try:
            async with asyncio.timeout_at(min(deadlines, default=None)):
                await self._wake.wait()
        except TimeoutError:
            return

    def _later(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self._wake.set)

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()


def _message(envelope: Envelope) -> tuple[str, bytes]:
    """Subject and bytes; the span continues the trace in which the event was written."""
    attributes = {"delivery.type": envelope.type, "delivery.destination": envelope.destination}
    context = propagate.extract(dict(envelope.trace))
    with _tracer.start_as_current_span("deliver", context=context, kind=trace.SpanKind.PRODUCER, attributes=attributes):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
    data = encode_envelope(replace(envelope, trace=carrier or envelope.trace))
    return event_subject(envelope.origin, envelope.destination, envelope.capability), data
