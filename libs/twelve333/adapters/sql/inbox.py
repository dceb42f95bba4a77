"""What other members told this one: each event applied once, in order, in the transaction of what it changes.

Rule served: the inbox never forgets; by number and by event id a second arrival is told apart from news for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry import propagate, trace
from sqlalchemy import ARRAY, JSON, Connection, FromClause, Table, Text, bindparam, func, insert, literal_column, select, true, update
from sqlalchemy.exc import DataError, IntegrityError

from ...api.delivery.v1 import events_pb2
from ...core.decision import Kind, Refusal, Refused, refuse
from ...core.delivery.codes import APPLIER_FAILED, COPIES, EPOCH_OLD, FORKED, TYPE_UNKNOWN
from ...core.delivery.fencing import digest_of
from ...core.delivery.model import EPOCH_NONE, Envelope, InboxFacts, Reason, Receipt
from ...core.delivery.rules import Apply, Duplicate, Gap, admit, follows
from ...core.ids import HUB
from ..signing.codes import SEAL_NOT_OPENED
from ..telemetry.spans import is_sampled
from .alarms import Alarms
from .fences import Fences
from .fields import protect
from .later import change_later, insert_later, savepoint, settle
from .outbox import Outbox
from .prepared import Prepared
from .restored import RESTORED, is_unheard, take_back
from .standing import Standing
from .tables import DeliveryTables


@dataclass(slots=True)  # as `Envelope`
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


@dataclass(slots=True)  # as `Envelope`
class Arrival:
    """An envelope and the member that the broker proved to have sent it; `refusal` when its bytes were no envelope."""

    sender: str
    envelope: Envelope | None
    refusal: Refusal | None = None


_COUNTED: Final = ("applied", "duplicates", "gaps", "refused")  # with the origin; parked ones are counted from their own table


def _no_counts() -> dict[str, int]:
    return dict.fromkeys((*_COUNTED, "parked"), 0)


@dataclass(slots=True)
class Received:
    """What a batch came to: how many arrivals are done with, the receipts to send once this is committed, and what failed."""

    done: int = 0
    receipts: dict[str, Receipt] = field(default_factory=dict)
    failure: Refusal | None = None  # why arrival number `done` could not be applied
    refusals: list[Refusal] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=_no_counts)


class _Stopped(Exception):
    """Event number `done` cannot be applied."""

    def __init__(self, done: int, failure: Refusal) -> None:
        super().__init__(failure.code.name)
        self.done, self.failure = done, failure


@dataclass(slots=True)
class _Line:
    """One origin while a batch is taken: how far it is, what the known ones of the batch said, what to count and what to answer."""

    facts: InboxFacts  # at the beginning
    known: dict[str, bytes]  # digests by event id
    epoch: int
    watermark: int
    fence: int = 0  # the highest of the copies whose events were taken
    fresh: bool = False
    counts: dict[str, int] = field(default_factory=_no_counts)
    receipt: Reason | None = None

    @property
    def origin(self) -> str:
        """Who it is."""
        return self.facts.sender

    def follows(self, envelope: Envelope) -> bool:
        """Whether it is plainly the next one."""
        same_life = self.epoch == self.facts.epoch and self.fence <= envelope.fence
        return same_life and envelope.event_id not in self.known and follows(envelope, self.facts, self.watermark)

    def moved(self, epoch: int, watermark: int, reason: Reason) -> None:
        """Remember how far it is, and answer so; a gap is asked for until the watermark has moved on."""
        stuck = self.receipt is Reason.GAP and watermark == self.watermark
        self.epoch, self.watermark, self.receipt = epoch, watermark, Reason.GAP if stuck else reason


class Inbox:
    """The inbox of `member`; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables, member: str) -> None:
        self._tables = tables
        self._member = member
        self._tracer = trace.get_tracer("twelve333.delivery")
        self._line_of, self._update_line = _line_queries(tables), _line_update(tables)
        self._heard = set[str]()  # who knows of our last restore, if there was one
        self.standing, self.fences, self.alarms = Standing(), Fences(tables), Alarms(tables)

    def receive(
        self, tx: Connection, arrivals: Sequence[Arrival], appliers: Appliers, now: datetime, *, park_first: Refusal | None = None
    ) -> Received:
        """Take arrivals in order up to the first whose applier fails.

        All are tried together, since failures are rare: after one, what was done is undone, and those before it are taken alone.

        Args:
            arrivals: in the order of arrival, of any origins.
            park_first: set the first one aside instead of applying it, because it has failed with this often enough.
            now: the moment of applying, given to the appliers.
        """
        failure: Refusal | None = None
        while True:
            try:
                with savepoint(tx, "received"):
                    received = self._receive(tx, arrivals, appliers, now, park_first)
                received.failure = failure
                return received
            except _Stopped as stopped:
                failure, arrivals = stopped.failure, arrivals[: stopped.done]

    def hellos(self, tx: Connection, everybody: Sequence[str] = ()) -> list[Receipt]:
        """What to say on coming back: to each origin, how far we are.

        Args:
            everybody: members that are told so also if we have never heard of them: we may have, before our database was lost.
        """
        rows = tx.execute(select(self._tables.inbox_heads))
        known = {row.origin: (row.epoch, row.watermark) for row in rows if row.epoch}
        strangers = {member: (EPOCH_NONE, 0) for member in everybody if member != self._member}
        heard = (strangers | known).items()
        return [
            Receipt(self._member, origin, epoch, watermark, Reason.HELLO, fence=self.standing.fence) for origin, (epoch, watermark) in heard
        ]

    def _receive(
        self, tx: Connection, arrivals: Sequence[Arrival], appliers: Appliers, now: datetime, park_first: Refusal | None
    ) -> Received:
        """Take all of them, or raise `_Stopped` at the first that cannot be applied."""
        received = Received()
        lines = self._lines(tx, arrivals)
        for arrival in arrivals:
            park = park_first if received.done == 0 else None
            try:
                self._take(tx, arrival, lines[arrival.sender], appliers, now, received, park)
            except Refused as refused:
                if refused.refusal.code.kind is Kind.UNAVAILABLE:
                    raise
                raise _Stopped(received.done, refused.refusal) from refused
            except POISON as error:
                type_name = arrival.envelope.type if arrival.envelope else ""
                raise _Stopped(received.done, refuse(APPLIER_FAILED, type=type_name, error=type(error).__name__)) from error
            received.done += 1
        self._keep(tx, lines.values(), now)
        for line in lines.values():
            if line.receipt is not None:
                numbers = line.epoch, line.watermark
                received.receipts[line.origin] = Receipt(self._member, line.origin, *numbers, line.receipt, fence=self.standing.fence)
        return received

    def _take(
        self, tx: Connection, arrival: Arrival, line: _Line, appliers: Appliers, now: datetime, received: Received, park: Refusal | None
    ) -> None:
        envelope = arrival.envelope
        step: Apply | Duplicate | Gap | Refusal | None
        if envelope is not None and line.follows(envelope):
            step = Apply(line.epoch, envelope.sequence)
        else:
            step = self._admit(tx, line, envelope) if envelope else arrival.refusal
        if envelope is None or step is None or isinstance(step, Refusal):
            counted = "refused"
            received.refusals += [step] if isinstance(step, Refusal) else []
            if isinstance(step, Refusal) and step.code == EPOCH_OLD:  # the origin may have been restored under a clock that is behind
                line.receipt = line.receipt or Reason.APPLIED
            if isinstance(step, Refusal) and step.code == FORKED:
                self._forked(tx, step, now)
        elif isinstance(step, Apply):
            digest = digest_of(envelope)
            counted = self._apply(tx, envelope, digest, appliers, now, park)
            line.known[envelope.event_id] = digest
            self._spoken(tx, line, envelope)
            line.moved(step.epoch, step.sequence, Reason.APPLIED)
        elif isinstance(step, Duplicate):
            counted = "duplicates"
            self._spoken(tx, line, envelope)
            line.moved(step.epoch, step.sequence, Reason.APPLIED)
        else:
            counted = "gaps"
            line.moved(step.epoch, step.watermark, Reason.GAP)
        line.counts[counted] += 1
        received.counts[counted] += 1

    def _admit(self, tx: Connection, line: _Line, envelope: Envelope) -> Apply | Duplicate | Gap | Refusal:
        known = line.known.get(envelope.event_id)
        facts = replace(line.facts, epoch=line.epoch, watermark=line.watermark, known_event=known is not None, known_digest=known or b"")
        waits = facts.waits and envelope.type != RESTORED
        return admit(replace(facts, waits=waits, fence=max(line.fence, facts.fence)), envelope)

    def _spoken(self, tx: Connection, line: _Line, envelope: Envelope) -> None:
        """Remember the copy that spoke; one that begins a new epoch ends what was wrong with the origin's copies."""
        line.fence = max(line.fence, envelope.fence)
        if envelope.epoch > line.epoch > 0:
            self.alarms.clear(tx, line.origin, COPIES)

    def _forked(self, tx: Connection, refusal: Refusal, now: datetime) -> None:
        """Two copies of the origin tell different things: an alarm here, and the first time the news to the hub."""
        origin, epoch, sequence = (refusal.params[name] for name in ("origin", "epoch", "sequence"))
        first = self.alarms.give(tx, origin, FORKED, f"epoch {epoch}, event {sequence}", now)
        if first and self._member != HUB:
            seen = events_pb2.ForkSeen(origin=origin, epoch=int(epoch), sequence=int(sequence))
            Outbox(self._tables, self._member).append(tx, destination=HUB, message=seen, now=now)

    def _apply(self, tx: Connection, envelope: Envelope, digest: bytes, appliers: Appliers, now: datetime, park: Refusal | None) -> str:
        if is_sampled(envelope.trace):
            context = propagate.extract(dict(envelope.trace))
            attributes = {"delivery.type": envelope.type, "delivery.origin": envelope.origin}
            with self._tracer.start_as_current_span("apply", context=context, kind=trace.SpanKind.CONSUMER, attributes=attributes):
                counted = self._apply_or_park(tx, envelope, appliers, now, park)
        else:
            counted = self._apply_or_park(tx, envelope, appliers, now, park)
        row = {
            "origin": envelope.origin,
            "event_id": envelope.event_id,
            "epoch": envelope.epoch,
            "sequence": envelope.sequence,
            "applied_at": now,
            "digest": digest or None,
        }
        insert_later(tx, self._tables.inbox_events, row)
        return counted

    def _apply_or_park(self, tx: Connection, envelope: Envelope, appliers: Appliers, now: datetime, park: Refusal | None) -> str:
        applier = self._take_back if envelope.type == RESTORED else appliers.get(envelope.type)
        if envelope.sealed:
            park = refuse(SEAL_NOT_OPENED, key=envelope.payload[:4].hex())
        if park is None and applier is not None:
            applier(tx, _inbound(envelope), now)
            return "applied"
        # failed too often, or a newer member tells what this program cannot read yet: keep it
        self._park(tx, envelope, park or refuse(TYPE_UNKNOWN, type=envelope.type), now)
        return "parked"

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

    def _lines(self, tx: Connection, arrivals: Sequence[Arrival]) -> dict[str, _Line]:
        """What we know of everybody who sent something, and which of these events we know."""
        settle(tx)
        ids: dict[str, list[str]] = {}
        for arrival in arrivals:
            told = ids.setdefault(arrival.sender, [])
            if arrival.envelope is not None:
                told.append(arrival.envelope.event_id)
        return {origin: self._line(tx, origin, told) for origin, told in ids.items()}

    def _line(self, tx: Connection, origin: str, event_ids: Sequence[str]) -> _Line:
        """How far we are with an origin, and which of these events we know."""
        rows = self._line_of[tx.dialect.name].rows(tx, {"line": origin, "ids": event_ids})
        epoch, watermark, *_ = rows[0] if rows else (0, 0)
        facts = InboxFacts(
            self._member, origin, epoch, watermark, False, waits=self._is_unheard(tx, origin), fence=self.fences.seen(tx, origin)
        )
        known = {event_id: digest or b"" for _, _, event_id, digest in rows if event_id}
        return _Line(facts, known, epoch, watermark, fresh=not rows)

    def _keep(self, tx: Connection, lines: Iterable[_Line], now: datetime) -> None:
        for line in lines:
            numbers = {"epoch": line.epoch, "watermark": line.watermark, "updated_at": now}
            counts = {name: line.counts[name] for name in _COUNTED}
            if line.fresh:
                tx.execute(insert(self._tables.inbox_heads), {"origin": line.origin, **numbers, **counts})
            else:
                named = {f"new_{name}": value for name, value in (numbers | counts).items()}
                change_later(tx, self._update_line, {"line": line.origin, **named})
            self.fences.note(tx, line.origin, line.fence, now)


def _line_queries(tables: DeliveryTables) -> dict[str, Prepared]:
    """How far we are with `line`, and which of the `ids` we know, by dialect: each takes any number of them as one value."""
    events = tables.inbox_events
    each = func.json_each(bindparam("ids", type_=JSON)).table_valued("value")
    ours = select(events.c.event_id, events.c.digest).where(events.c.origin == bindparam("line"))
    known = ours.where(events.c.event_id.in_(select(each.c.value)))
    return {"sqlite": _line_query(tables, known.subquery("known")), "postgresql": _line_query(tables, _one_by_one(events))}


def _one_by_one(events: Table) -> FromClause:
    """The known ones, each looked up by its key: PostgreSQL else reads all that an origin ever told while its statistics are old."""
    each = func.unnest(bindparam("ids", type_=ARRAY(Text))).table_valued("id").render_derived()
    same = events.c.origin == bindparam("line"), events.c.event_id == each.c.id
    found = select(events.c.event_id, events.c.digest).where(*same).limit(literal_column("1")).lateral("found")
    return select(found.c.event_id, found.c.digest).select_from(each.join(found, true())).subquery("known")


def _line_query(tables: DeliveryTables, known: FromClause) -> Prepared:
    heads = tables.inbox_heads
    query = select(heads.c.epoch, heads.c.watermark, known.c.event_id, known.c.digest).select_from(heads.outerjoin(known, true()))
    return Prepared(query.where(heads.c.origin == bindparam("line")))


def _line_update(tables: DeliveryTables) -> Prepared:
    heads = tables.inbox_heads
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("epoch", "watermark", "updated_at")}
    values |= {name: heads.c[name] + bindparam(f"new_{name}") for name in _COUNTED}
    return Prepared(update(heads).where(heads.c.origin == bindparam("line")).values(values))


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
