"""What other members told this one: each event applied once, in order, in the transaction of what it changes.

Rule served: the inbox never forgets; by number and by event id a second arrival is told apart from news for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry import propagate, trace
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from ...core.decision import Kind, Refusal, Refused, refuse
from ...core.delivery.codes import APPLIER_FAILED, TYPE_UNKNOWN
from ...core.delivery.model import EPOCH_NONE, Envelope, InboxFacts, Reason, Receipt
from ...core.delivery.rules import Apply, Duplicate, Gap, admit
from ..signing.codes import SEAL_NOT_OPENED
from .fields import protect
from .restored import RESTORED, is_unheard, take_back
from .tables import DeliveryTables


@dataclass(frozen=True, slots=True)
class Inbound:
    """An event as its applier sees it; `message` is the serialised payload of type `type`."""

    origin: str
    epoch: int
    sequence: int
    event_id: str
    type: str
    key: str
    message: bytes
    occurred_at: datetime


Applier = Callable[[Connection, Inbound, datetime], None]
Appliers = Mapping[str, Applier]  # by full message name

# what a fault in one event looks like; anything else (store away, out of memory, a signal) is not the event's fault
POISON: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    DecodeError,
    IntegrityError,
    DataError,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope and the member that the broker proved to have sent it; `refusal` when its bytes were no envelope."""

    sender: str
    envelope: Envelope | None
    refusal: Refusal | None = None


@dataclass(slots=True)
class Received:
    """What a batch came to: how many arrivals are done with, the receipts to send once this is committed, and what failed."""

    done: int = 0
    receipts: dict[str, Receipt] = field(default_factory=dict)
    failure: Refusal | None = None  # why arrival number `done` could not be applied
    refusals: list[Refusal] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("applied", "duplicates", "gaps", "refused", "parked"), 0))


class Inbox:
    """The inbox of `member`; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables, member: str) -> None:
        self._tables = tables
        self._member = member
        self._tracer = trace.get_tracer("twelve333.delivery")
        self._heard = set[str]()  # who knows of our last restore, if there was one

    def receive(
        self, tx: Connection, arrivals: Sequence[Arrival], appliers: Appliers, now: datetime, *, park_first: Refusal | None = None
    ) -> Received:
        """Take arrivals in order up to the first whose applier fails.

        Args:
            arrivals: in the order of arrival, of any origins.
            park_first: set the first one aside instead of applying it, because it has failed with this often enough.
            now: the moment of applying, given to the appliers.
        """
        received = Received()
        for arrival in arrivals:
            park = park_first if received.done == 0 else None
            try:
                with tx.begin_nested():
                    self._take(tx, arrival, appliers, now, received, park)
            except Refused as refused:
                if refused.refusal.code.kind is Kind.UNAVAILABLE:
                    raise
                received.failure = refused.refusal
            except POISON as error:
                type_name = arrival.envelope.type if arrival.envelope else ""
                received.failure = refuse(APPLIER_FAILED, type=type_name, error=type(error).__name__)
            if received.failure is not None:
                return received
            received.done += 1
        return received

    def hellos(self, tx: Connection, everybody: Sequence[str] = ()) -> list[Receipt]:
        """What to say on coming back: to each origin, how far we are.

        Args:
            everybody: members that are told so also if we have never heard of them: we may have, before our database was lost.
        """
        rows = tx.execute(select(self._tables.inbox_heads))
        known = {row.origin: (row.epoch, row.watermark) for row in rows if row.epoch}
        strangers = {member: (EPOCH_NONE, 0) for member in everybody if member != self._member}
        heard = (strangers | known).items()
        return [Receipt(self._member, origin, epoch, watermark, Reason.HELLO) for origin, (epoch, watermark) in heard]

    def _take(self, tx: Connection, arrival: Arrival, appliers: Appliers, now: datetime, received: Received, park: Refusal | None) -> None:
        envelope = arrival.envelope
        row = self._head(tx, arrival.sender, now)
        if envelope is None:
            self._refused(tx, row, arrival.refusal, received, now)
            return
        known = self._known(tx, envelope)
        waits = envelope.type != RESTORED and self._is_unheard(tx, arrival.sender)
        step = admit(InboxFacts(self._member, arrival.sender, row["epoch"], row["watermark"], known, waits), envelope)
        if isinstance(step, Refusal):
            self._refused(tx, row, step, received, now)
            return
        if isinstance(step, Apply):
            counted = self._apply(tx, envelope, appliers, now, park)
        else:
            counted = "duplicates" if isinstance(step, Duplicate) else "gaps"
        watermark = step.watermark if isinstance(step, Gap) else step.sequence
        self._keep(tx, row, {"epoch": step.epoch, "watermark": watermark, "updated_at": now}, counted)
        received.counts[counted] += 1
        asked = received.receipts.get(envelope.origin)
        again = isinstance(step, Gap) or (asked is not None and asked.reason is Reason.GAP and watermark == asked.watermark)
        reason = Reason.GAP if again else Reason.APPLIED
        received.receipts[envelope.origin] = Receipt(self._member, envelope.origin, step.epoch, watermark, reason)

    def _apply(self, tx: Connection, envelope: Envelope, appliers: Appliers, now: datetime, park: Refusal | None) -> str:
        context = propagate.extract(dict(envelope.trace))
        attributes = {"delivery.type": envelope.type, "delivery.origin": envelope.origin}
        with self._tracer.start_as_current_span("apply", context=context, kind=trace.SpanKind.CONSUMER, attributes=attributes):
            applier = self._take_back if envelope.type == RESTORED else appliers.get(envelope.type)
            if envelope.sealed:
                park = refuse(SEAL_NOT_OPENED, key=envelope.payload[:4].hex())
            if park is None and applier is not None:
                applier(tx, _inbound(envelope), now)
                counted = "applied"
            else:  # failed too often, or a newer member tells what this program cannot read yet: keep it
                self._park(tx, envelope, park or refuse(TYPE_UNKNOWN, type=envelope.type), now)
                counted = "parked"
        named = {"origin": envelope.origin, "event_id": envelope.event_id, "epoch": envelope.epoch, "sequence": envelope.sequence}
        tx.execute(insert(self._tables.inbox_events).values(**named, applied_at=now))
        return counted

    def _take_back(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        take_back(tx, self._tables, inbound.origin, inbound.message, now)

    def _is_unheard(self, tx: Connection, origin: str) -> bool:
        """Asked of the database until it is no longer so: a restore happens only while no service runs."""
        if origin not in self._heard and not is_unheard(tx, self._tables, origin):
            self._heard.add(origin)
        return origin not in self._heard

    def _park(self, tx: Connection, envelope: Envelope, why: Refusal, now: datetime) -> None:
        row = {"origin": envelope.origin, "event_id": envelope.event_id, "epoch": envelope.epoch, "sequence": envelope.sequence}
        row |= {
            "type": envelope.type,
            "key": envelope.key,
            "payload": envelope.payload,
            "occurred_at": envelope.occurred_at,
            "code": why.code.name,
            "parked_at": now,
        }
        tx.execute(insert(self._tables.inbox_parked).values(protect(tx, self._tables.inbox_parked, row)))

    def _refused(self, tx: Connection, row: Mapping[str, Any], refusal: Refusal | None, received: Received, now: datetime) -> None:
        self._keep(tx, row, {"updated_at": now}, "refused")
        received.counts["refused"] += 1
        if refusal is not None:
            received.refusals.append(refusal)

    def _head(self, tx: Connection, origin: str, now: datetime) -> Mapping[str, Any]:
        heads = self._tables.inbox_heads
        row = tx.execute(select(heads).where(heads.c.origin == origin)).mappings().one_or_none()
        if row is not None:
            return dict(row)
        fresh = {"origin": origin, "epoch": 0, "watermark": 0, "applied": 0, "duplicates": 0, "gaps": 0, "refused": 0, "updated_at": now}
        tx.execute(insert(heads).values(fresh))
        return fresh

    def _known(self, tx: Connection, envelope: Envelope) -> bool:
        events = self._tables.inbox_events
        found = select(events.c.sequence).where(events.c.origin == envelope.origin, events.c.event_id == envelope.event_id)
        return tx.execute(found).one_or_none() is not None

    def _keep(self, tx: Connection, row: Mapping[str, Any], values: dict[str, Any], counted: str) -> None:
        heads = self._tables.inbox_heads
        if counted in row:  # parked ones are counted from their own table
            values[counted] = row[counted] + 1
        tx.execute(update(heads).where(heads.c.origin == row["origin"]).values(values))


def _inbound(envelope: Envelope) -> Inbound:
    return Inbound(
        envelope.origin,
        envelope.epoch,
        envelope.sequence,
        envelope.event_id,
        envelope.type,
        envelope.key,
        envelope.payload,
        envelope.occurred_at,
    )
