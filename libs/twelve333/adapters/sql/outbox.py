"""What this member still has to tell: rows written in the transaction of the state they belong to, closed only by receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.message import Message
from opentelemetry import propagate
from opentelemetry.trace import get_current_span
from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, not_, or_, select, update

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import EPOCH_MISSING, MESSAGE_TOO_LARGE
from ...core.delivery.model import ENVELOPE_BYTES_MAX, UNLIMITED, Envelope, OutboxHead, Receipt
from ...core.delivery.rules import append, confirm, was_restored_since
from ...core.ids import HUB
from ...wire.envelope import capability_of
from .confirmed import take_back_marks
from .database import note
from .fences import Fences
from .fields import protect, reveal
from .later import Change, insert_later, keep_later, note_later, settle
from .prepared import Prepared
from .standing import Standing
from .tables import DeliveryTables

OUTBOX = "outbox"  # the topic noted when something was appended (with the envelopes as facts) or numbered anew (without)
_UNTRACED: Final[Mapping[str, str]] = {}  # one for all, so that it is worked out once how it is kept
_COLUMNS: Final = tuple(each.name for each in fields(OutboxHead))  # those of `outbox_heads` have the same names
_OVERHEAD_BYTES = 4096  # what an envelope adds around its payload, at most


class Outbox:
    """The outbox of `member`; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables, member: str, backlog_max: int | None = None) -> None:
        self._tables = tables
        self._member = member
        self._backlog_max = backlog_max
        self.standing, self.fences = Standing(), Fences(tables)
        self._head_of, self._move_head = _head_query(tables), _head_update(tables)
        self._count_within, self._work_within = _count_query(tables), _count_query(tables, is_work(tables))

    def append(self, tx: Connection, *, destination: str, message: Message, now: datetime, key: str = "") -> str:
        """Add an event for `destination` and return its event id.

        Args:
            destination: the member to tell; never ourselves.
            message: an event of `twelve333.api.<capability>.v1`; its full name travels as the type.
            key: what it is about, such as a case id.
            now: when the fact became true.

        Raises:
            Refused: `DELIVERY_EPOCH_MISSING` before `init`, `DELIVERY_MESSAGE_TOO_LARGE` above 252 KiB, `DELIVERY_BACKLOG_FULL`,
                `DELIVERY_FENCED` or `DELIVERY_COPY_UNDECIDED` when this copy of the member may take no new work.
        """
        self.standing.check_work()
        type_name = message.DESCRIPTOR.full_name
        if destination == self._member or not capability_of(type_name):
            raise ValueError(f"{type_name} cannot be sent to {destination}")
        payload = _payload(message)
        before = self.head(tx, destination) or self._begin_line(tx, destination)
        head = append(before, capability_of(type_name), self._backlog_max)
        if isinstance(head, Refusal):
            raise Refused(head)
        event_id = f"{self._member}-{destination}-{head.epoch}-{head.sequence}{self.standing.suffix}"
        row = {
            "destination": destination,
            "epoch": head.epoch,
            "sequence": head.sequence,
            "event_id": event_id,
            "type": type_name,
            "key": key,
            "payload": payload,
            "occurred_at": now,
            "trace": _trace(),
        }
        note_later(tx, OUTBOX, self._envelope(row))
        insert_later(tx, self._tables.outbox, protect(tx, self._tables.outbox, row))
        self._keep(tx, head)
        return event_id

    def heads(self, tx: Connection) -> list[OutboxHead]:
        """What was appended and confirmed, per destination."""
        settle(tx)
        rows = tx.execute(select(self._tables.outbox_heads).order_by(self._tables.outbox_heads.c.destination))
        return [_from_row(row) for row in rows]

    def pending(self, tx: Connection, head: OutboxHead, sequences: range) -> list[Envelope]:
        """The events of `head` with these `sequences`, in order."""
        settle(tx)
        outbox = self._tables.outbox
        chosen = and_(
            outbox.c.destination == head.destination,
            outbox.c.epoch == head.epoch,
            outbox.c.sequence.between(sequences.start, sequences.stop - 1),
        )
        rows = tx.execute(select(outbox).where(chosen).order_by(outbox.c.sequence)).mappings()
        return [self._envelope(reveal(tx, outbox, row)) for row in rows]

    def close(
        self, tx: Connection, receipt: Receipt, proven_sender: str, now: datetime, before: OutboxHead | None = None
    ) -> OutboxHead | Refusal | None:
        """Close what `receipt` confirms (or open again what its sender has lost); None when it speaks of nothing of ours.

        Args:
            before: how its sender stands, if `head` has just found it.
        """
        before = before or self.head(tx, receipt.sender)
        outbox = self._tables.outbox
        if proven_sender == receipt.sender:
            if refusal := self.fences.check(tx, receipt.sender, receipt.fence):
                return refusal
            self.fences.note(tx, receipt.sender, receipt.fence, now)
        if before is None:
            return None
        if proven_sender == receipt.sender and was_restored_since(before, receipt):
            return self._tell_again(tx, before, receipt, now)
        after = confirm(before, receipt, proven_sender)
        if isinstance(after, Refusal) or after == before:
            return after
        low, high = sorted((before.watermark, after.watermark))
        named = {"line": after.destination, "of_epoch": after.epoch, "low": low + 1, "high": high}
        if after.watermark < before.watermark and self._open_again(tx, named) < high - low:  # restored from before what we still keep
            left = select(outbox.c.epoch, outbox.c.sequence).where(outbox.c.destination == after.destination)
            left = left.where(outbox.c.epoch == after.epoch, outbox.c.sequence > after.watermark).order_by(outbox.c.sequence)
            return self._number_anew(tx, before, tx.execute(left).all(), now)
        delivered = before.delivered + after.watermark - before.watermark
        self._keep(tx, replace(after, delivered=delivered, work=self._work_after(tx, before, after, named)))
        return after

    def head(self, tx: Connection, destination: str) -> OutboxHead | None:
        """How a destination stands, with what this group of works has put off."""
        put_off = keep_later(tx, OUTBOX, self._head_changes)
        known: OutboxHead | None = put_off.get(destination) if put_off else None
        if known is not None:
            return known
        rows = self._head_of.rows(tx, {"line": destination}, guarded=False)
        return OutboxHead(*rows[0]) if rows else None

    def begin_epoch(self, tx: Connection, now: datetime) -> int:
        """Begin a new epoch: at `init`, and after this database was restored. What waits is numbered anew, ids stay.

        Returns:
            The epoch: milliseconds since 1970, greater than any before.
        """
        table = self._tables.epoch
        old = tx.execute(select(table.c.epoch).where(table.c.member == self._member)).scalar_one_or_none()
        epoch = _epoch_after(max([old or 0, *(head.epoch for head in self.heads(tx))]), now)
        tx.execute(delete(table).where(table.c.member == self._member))
        tx.execute(insert(table).values(member=self._member, epoch=epoch, began_at=now))
        for head in self.heads(tx):
            self._renumber(tx, head, epoch)
        note(tx, OUTBOX)
        return epoch

    def epoch(self, tx: Connection) -> int:
        """Our epoch; 0 before `init`."""
        table = self._tables.epoch
        return tx.execute(select(table.c.epoch).where(table.c.member == self._member)).scalar_one_or_none() or 0

    def _renumber(self, tx: Connection, head: OutboxHead, epoch: int) -> None:
        outbox, heads = self._tables.outbox, self._tables.outbox_heads
        waiting = and_(outbox.c.destination == head.destination, outbox.c.epoch == head.epoch, outbox.c.sequence > head.watermark)
        tx.execute(update(outbox).where(waiting).values(epoch=epoch, sequence=outbox.c.sequence - head.watermark))
        values = {"epoch": epoch, "sequence": head.sequence - head.watermark, "watermark": 0}
        tx.execute(update(heads).where(heads.c.destination == head.destination).values(values))

    def _tell_again(self, tx: Connection, before: OutboxHead, receipt: Receipt, now: datetime) -> OutboxHead:
        """The receiver was restored to before this epoch: give all that it lacks new numbers, in the old order.

        What it lacks is what it had confirmed since then and cannot have any more; it drops by its id whatever it has after all.
        """
        settle(tx)
        columns = self._tables.outbox.c
        past = or_(
            and_(columns.epoch == receipt.epoch, columns.sequence > receipt.watermark),
            and_(columns.epoch > receipt.epoch, columns.epoch < before.epoch),
        )
        ours = select(columns.epoch, columns.sequence).where(columns.destination == before.destination)
        lost = tx.execute(ours.where(past).order_by(columns.epoch, columns.sequence)).all()
        if not lost and not before.watermark:
            return before  # it has not heard of this epoch yet
        later = tx.execute(ours.where(columns.epoch == before.epoch).order_by(columns.sequence)).all()
        return self._number_anew(tx, before, [*lost, *later], now)

    def _number_anew(self, tx: Connection, before: OutboxHead, events: Sequence[Row[Any]], now: datetime) -> OutboxHead:
        """Open these events again under a new epoch for this destination alone."""
        heads, outbox = self._tables.outbox_heads, self._tables.outbox
        columns, epoch = outbox.c, _epoch_after(before.epoch, now)
        confirmed = 0
        for number, each in enumerate(events, start=1):
            one = and_(columns.destination == before.destination, columns.epoch == each.epoch, columns.sequence == each.sequence)
            confirmed += each.epoch < before.epoch or each.sequence <= before.watermark
            tx.execute(update(outbox).where(one).values(epoch=epoch, sequence=number))
        after = OutboxHead(before.destination, epoch, len(events), 0)
        values = {"epoch": epoch, "sequence": after.sequence, "watermark": 0, "delivered": max(0, before.delivered - confirmed)}
        values |= {"work": work_of(tx, self._tables, before.destination, epoch)}
        tx.execute(update(heads).where(heads.c.destination == before.destination).values(values))
        note(tx, OUTBOX)
        return after

    def _open_again(self, tx: Connection, span: Mapping[str, object]) -> int:
        """They are not confirmed any more, as the head will say; how many of them are still here."""
        settle(tx)
        take_back_marks(tx, self._tables, str(span["line"]), int(str(span["of_epoch"])), int(str(span["low"])) - 1)
        found: int = self._count_within.rows(tx, span)[0][0]
        return found

    def _keep(self, tx: Connection, head: OutboxHead) -> None:
        put_off = keep_later(tx, OUTBOX, self._head_changes)
        if put_off is not None:
            put_off.put(head.destination, head)
            return
        for prepared, values in self._head_changes({head.destination: head}):
            prepared.change(tx, values)

    def _head_changes(self, heads: Mapping[Any, OutboxHead]) -> Iterable[Change]:
        for head in heads.values():
            through = {"last": head.sequence, "through": head.watermark, "counted": head.delivered, "waits": head.work}
            yield self._move_head, {"line": head.destination, **through}

    def _begin_line(self, tx: Connection, destination: str) -> OutboxHead:
        epoch = self.epoch(tx)
        if not epoch:
            raise Refused(refuse(EPOCH_MISSING, command="hub" if self._member == HUB else "node"))
        heads = self._tables.outbox_heads
        tx.execute(insert(heads).values(destination=destination, epoch=epoch, sequence=0, watermark=0, delivered=0))
        return OutboxHead(destination, epoch, 0, 0)

    def _work_after(self, tx: Connection, before: OutboxHead, after: OutboxHead, span: Mapping[str, object]) -> int:
        """What still counts towards the limit after a receipt closed `span` (or opened it again)."""
        if after.watermark == after.sequence:
            return 0
        waited, moved = before.sequence - before.watermark, after.watermark - before.watermark
        if moved > 0 and before.work in (0, waited):  # all of one kind, so they need not be counted
            return before.work and waited - moved
        counted: int = self._work_within.rows(tx, span)[0][0]
        return max(0, before.work - counted) if after.watermark > before.watermark else before.work + counted

    def _envelope(self, row: dict[str, Any]) -> Envelope:
        return Envelope(
            origin=self._member,
            destination=row["destination"],
            epoch=row["epoch"],
            sequence=row["sequence"],
            event_id=row["event_id"],
            capability=capability_of(row["type"]),
            type=row["type"],
            occurred_at=row["occurred_at"],
            payload=row["payload"],
            key=row["key"],
            trace=row["trace"],
            fence=self.standing.fence,
        )


def work_of(tx: Connection, tables: DeliveryTables, destination: str, epoch: int) -> int:
    """How many of the events that were numbered anew under `epoch`, none of them confirmed yet, count towards the limit."""
    ours = and_(tables.outbox.c.destination == destination, tables.outbox.c.epoch == epoch, is_work(tables))
    return tx.scalar(select(func.count()).select_from(tables.outbox).where(ours)) or 0


def is_work(tables: DeliveryTables) -> ColumnElement[bool]:
    """Which events count towards the limit, see `core.delivery.rules.append`."""
    return not_(or_(*(tables.outbox.c.type.startswith(f"twelve333.api.{capability}.") for capability in sorted(UNLIMITED))))


def _head_query(tables: DeliveryTables) -> Prepared:
    columns = [tables.outbox_heads.c[name] for name in _COLUMNS]
    return Prepared(select(*columns).where(tables.outbox_heads.c.destination == bindparam("line")))


def _head_update(tables: DeliveryTables) -> Prepared:
    heads = tables.outbox_heads
    values: dict[str, Any] = {"sequence": bindparam("last"), "watermark": bindparam("through")}
    values |= {"delivered": bindparam("counted"), "work": bindparam("waits")}
    return Prepared(update(heads).where(heads.c.destination == bindparam("line")).values(values))


def _count_query(tables: DeliveryTables, *which: ColumnElement[bool]) -> Prepared:
    return Prepared(select(func.count()).select_from(tables.outbox).where(_span(tables), *which))


def _span(tables: DeliveryTables) -> ColumnElement[bool]:
    columns = tables.outbox.c
    one_line = and_(columns.destination == bindparam("line"), columns.epoch == bindparam("of_epoch"))
    return and_(one_line, columns.sequence.between(bindparam("low"), bindparam("high")))


def _from_row(row: Row[Any]) -> OutboxHead:
    return OutboxHead(row.destination, row.epoch, row.sequence, row.watermark, row.work, row.delivered)


def _epoch_after(epoch: int, now: datetime) -> int:
    """The milliseconds since 1970, but always more than any epoch before."""
    return max(epoch + 1, int(now.astimezone(UTC).timestamp() * 1000))


def _trace() -> Mapping[str, str]:
    """The trace in which something is told."""
    if not get_current_span().get_span_context().is_valid:
        return _UNTRACED
    trace: dict[str, str] = {}
    propagate.inject(trace)
    return trace


def _payload(message: Message) -> bytes:
    payload = message.SerializeToString()
    limit = ENVELOPE_BYTES_MAX - _OVERHEAD_BYTES
    if len(payload) > limit:
        raise Refused(refuse(MESSAGE_TOO_LARGE, bytes=len(payload), bytes_max=limit))
    return payload


def destinations(heads: Sequence[OutboxHead]) -> list[str]:
    """Those that still wait for something."""
    return [head.destination for head in heads if head.sequence > head.watermark]
