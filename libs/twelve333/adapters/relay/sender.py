"""From the outbox to the broker: in order per destination, within a window, closed only by receipts.

While the broker is away, or a destination stays silent, what waits is handed over directly (`handover.py`) if there is a way.
Wakes on what happens (something appended, a receipt, a new connection, a deadline) and never polls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
from opentelemetry import metrics, propagate, trace
from sqlalchemy import Connection

from ...core.decision import Refusal, Refused
from ...core.delivery.model import BATCH_EVENTS_MAX, Envelope, OutboxHead, Receipt
from ...core.delivery.rules import batches, sendable
from ...wire.batch import encode_batch
from ...wire.envelope import decode_receipt, encode_envelope
from ...wire.subjects import batch_subject, event_subject, sender_of
from ..bus.port import Bus
from ..clock import Clock
from ..sql.database import Database, Notes
from ..sql.delivery import OUTBOX, Delivery
from ..telemetry.spans import is_sampled
from .fresh import Fresh
from .handover import Direct, Handovers
from .lines import Line

RETRY_S: Final = 1.0  # after the database was away
AWAY_S: Final = 1.0  # a broker that is away for less is waited for
SILENT_DEADLINES: Final = 2  # receipts overdue in a row before the direct way is tried beside the broker: after 3 to 6 seconds

log = structlog.get_logger("twelve333.delivery")
_tracer = trace.get_tracer("twelve333.delivery")
_meter = metrics.get_meter("twelve333.delivery")
_sent = _meter.create_counter("twelve333.delivery.sent", unit="{event}", description="events handed to the broker, repeats included")
_confirmed = _meter.create_counter("twelve333.delivery.receipts", unit="{receipt}", description="receipts taken from other members")


class Sender:
    """One task that sends and one that closes; see `Relay` for who starts them."""

    def __init__(
        self, database: Database, delivery: Delivery, bus: Bus, clock: Clock, draw: Callable[[], float], direct: Direct | None = None
    ) -> None:
        self._database, self._delivery, self._bus = database, delivery, bus
        self._clock, self._draw = clock, draw
        self._lines: dict[str, Line] = {}
        self._receipts: dict[tuple[str, str], Receipt] = {}  # newest of each kind per sender: bounded by the number of members
        self._wake, self._receipt_came = asyncio.Event(), asyncio.Event()
        self._fresh, self._reread = Fresh(), True
        self._answered = set[str]()  # whose receipts came while heads are read
        self._away_since: float | None = None
        self._handovers = Handovers(self._batch_for, direct, self._take_receipt, self._wake.set, draw) if direct else None

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
        """Close outbox rows as receipts come, many in one unit of work, which shares a commit with others if there are any."""
        while True:
            await self._receipt_came.wait()
            self._receipt_came.clear()
            taken, self._receipts = self._receipts, {}
            try:
                heads = await self._database.write_along(partial(self._close, receipts=list(taken.items())))
            except Refused as refused:  # the receipts are lost; their senders are asked again by the next deadline
                log.warning("receipts not kept", code=refused.refusal.code.name)
                continue
            self._confirmed(heads)

    async def send_round(self) -> None:
        """Hand over what every destination's window allows now, by the broker or directly.

        How far everybody is is read from the outbox at the start, after a silence and when numbers changed; otherwise commits tell it.
        """
        by_broker = self._bus.connected
        if not by_broker and not self._long_away():
            return
        await self._read_heads()
        for head in self._fresh.heads():
            if self._is_handed(head.destination):
                continue
            if by_broker:
                await self._by_broker(head)
            elif self._handovers and head.sequence > head.watermark:
                self._handovers.begin(head.destination, lambda: not self._bus.connected)

    async def _read_heads(self) -> None:
        """How far everybody is, if that is in doubt; a receipt that came while it was read knows better."""
        now = self._now()
        silent = any(line.due is not None and line.due <= now for line in self._lines.values())
        if not (self._reread or silent):
            return
        self._reread = False
        self._answered.clear()
        try:
            heads = await self._database.read(self._delivery.outbox.heads)
        except Refused:
            self._reread = True
            raise
        self._fresh.read(head for head in heads if head.destination not in self._answered)

    async def send_last(self) -> None:
        """One round before the end; what it cannot send waits in the outbox for the next start."""
        if self._handovers:
            await self._handovers.stop()
        for line in self._lines.values():
            line.hurry()
        try:
            if self._bus.connected:
                await self.send_round()
        except Refused as refused:
            log.info("outbox waits", code=refused.refusal.code.name)
        finally:
            if self._handovers:
                await self._handovers.stop()

    async def _by_broker(self, head: OutboxHead) -> None:
        line = self._lines.setdefault(head.destination, Line())
        chosen = line.plan(head, self._now(), partial(self._fresh.unhurried, head))
        if chosen:
            await self._send(head, line, chosen)
        if self._handovers and line.attempt >= SILENT_DEADLINES and head.sequence > head.watermark:
            self._handovers.begin(head.destination, lambda: True)

    def _is_handed(self, destination: str) -> bool:
        """Whether a handover runs: until it ends, and wakes us, the line's deadline is not ours to keep."""
        return self._handovers is not None and self._handovers.busy(destination)

    def _long_away(self) -> bool:
        """Whether the broker has been away long enough to go around it."""
        if self._handovers is None:
            return False
        if self._away_since is None:
            self._away_since = self._now()
            self._later(AWAY_S)
        return self._now() - self._away_since >= AWAY_S

    async def _batch_for(self, destination: str) -> tuple[OutboxHead, list[Envelope]] | None:
        """What is next for a destination, up to a window; None if it has everything."""

        def work(tx: Connection) -> tuple[OutboxHead, list[Envelope]] | None:
            head = next((each for each in self._delivery.outbox.heads(tx) if each.destination == destination), None)
            if head is None or head.sequence == head.watermark:
                return None
            return head, self._delivery.outbox.pending(tx, head, sendable(head, head.watermark))

        found = await self._database.read(work)
        return (found[0], [self._ready(envelope) for envelope in found[1]]) if found else None

    async def _take_receipt(self, destination: str, receipt: Receipt) -> OutboxHead | None:
        """Close what a direct answer confirms; None when it speaks of nothing of ours."""
        work = partial(self._close, receipts=[((destination, receipt.reason.value), receipt)])
        heads = await self._database.write(work)
        self._confirmed(heads)
        return heads[0][0] if heads else None

    async def _send(self, head: OutboxHead, line: Line, chosen: range) -> None:
        for first in range(chosen.start, chosen.stop, BATCH_EVENTS_MAX):
            envelopes = await self._events(head, range(first, min(first + BATCH_EVENTS_MAX, chosen.stop)))
            try:
                await self._bus.publish(_messages([self._ready(envelope) for envelope in envelopes], line.batched))
            except Refused:
                envelopes = []
            if not envelopes:
                line.failed(self._now(), self._draw)
                self._reread = True
                return
            _sent.add(len(envelopes), {"destination": head.destination})
            line.sent(range(envelopes[0].sequence, envelopes[-1].sequence + 1), self._now(), self._draw)

    async def _events(self, head: OutboxHead, sequences: range) -> Sequence[Envelope]:
        """From memory if they are still there, else from the outbox."""
        return self._fresh.take(head, sequences) or await self._database.read(
            partial(self._delivery.outbox.pending, head=head, sequences=sequences)
        )

    def _ready(self, envelope: Envelope) -> Envelope:
        """The envelope as it leaves: with a span, and under the fence that this process has now, not when the event was written."""
        fence = self._delivery.standing.fence
        return _traced(envelope if envelope.fence == fence else replace(envelope, fence=fence))

    def _close(self, tx: Connection, receipts: list[tuple[tuple[str, str], Receipt]]) -> list[tuple[OutboxHead, Receipt]]:
        heads: list[tuple[OutboxHead, Receipt]] = []
        for (sender, _reason), receipt in receipts:
            head = self._delivery.close(tx, receipt, sender, self._clock())
            if isinstance(head, Refusal):
                log.error("receipt refused", code=head.code.name, peer=sender)
            elif head is not None and head.epoch == receipt.epoch:
                heads.append((head, receipt))
        return heads

    def _confirmed(self, heads: list[tuple[OutboxHead, Receipt]]) -> None:
        self._answered.update(head.destination for head, _ in heads)
        for head, receipt in heads:
            _confirmed.add(1, {"peer": receipt.sender, "reason": receipt.reason.value})
            line = self._lines.setdefault(head.destination, Line(epoch=head.epoch))
            line.confirmed(self._fresh.confirmed(head), receipt, self._now())
        self._wake.set()

    def _receipt(self, subject: str, data: bytes) -> None:
        sender, receipt = sender_of(subject), decode_receipt(data)
        if sender is None or isinstance(receipt, Refusal) or receipt.origin != self._delivery.member:
            log.warning("receipt unreadable", peer=sender or "")
            return
        self._receipts[sender, receipt.reason.value] = receipt
        self._receipt_came.set()

    def _committed(self, notes: Notes) -> None:
        if OUTBOX not in notes:
            return
        appended = notes[OUTBOX]
        if not appended or not self._fresh.appended(appended):
            self._reread = True
        self._wake.set()

    def _new_session(self) -> None:
        self._away_since, self._reread = None, True
        for line in self._lines.values():
            line.forget()
        self._wake.set()

    async def _wait(self) -> None:
        """Until something happens or the next deadline passes; a broker that is away makes no deadlines of its own."""
        lines = self._lines.items() if self._bus.connected else ()
        deadlines = [line.wakes for name, line in lines if line.wakes is not None and not self._is_handed(name)]
        if self._handovers and not self._bus.connected:
            deadlines += self._handovers.deadlines()
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


def _messages(envelopes: Sequence[Envelope], batched: bool) -> list[tuple[str, bytes]]:
    """Subjects and bytes."""
    if batched:
        return [(batch_subject(group[0].origin, group[0].destination), encode_batch(group)) for group in batches(envelopes)]
    return [(event_subject(each.origin, each.destination, each.capability), encode_envelope(each)) for each in envelopes]


def _traced(envelope: Envelope) -> Envelope:
    """The envelope with a span of its own, which continues the trace in which the event was written, if that one is recorded."""
    if not is_sampled(envelope.trace):
        return envelope
    attributes = {"delivery.type": envelope.type, "delivery.destination": envelope.destination}
    context = propagate.extract(dict(envelope.trace))
    with _tracer.start_as_current_span("deliver", context=context, kind=trace.SpanKind.PRODUCER, attributes=attributes):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
    return replace(envelope, trace=carrier or envelope.trace)
