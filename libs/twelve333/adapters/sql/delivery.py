"""Delivery as a service uses it: one object with the outbox, the inbox and the counts of one member."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from ...core.decision import Refusal
from ...core.delivery.model import OutboxHead, Receipt
from ...core.delivery.status import DeliveryStatus, InboxStatus, OutboxStatus
from .alarms import Alarms
from .confirmed import waits
from .fences import Fences
from .inbox import Applier, Appliers, Arrival, Inbound, Inbox, Received
from .instances import Instances
from .outbox import OUTBOX, Outbox
from .parked import ParkedEvents
from .restored import begin_restored, catch_up, has_told
from .standing import Standing
from .tables import DeliveryTables, delivery_tables

__all__ = [
    "OUTBOX",
    "Applier",
    "Appliers",
    "Arrival",
    "Delivery",
    "DeliveryTables",
    "Inbound",
    "Inbox",
    "Outbox",
    "Received",
    "delivery_tables",
]


class Delivery:
    """The outbox and inbox of `member`.

    Args:
        tables: delivery's tables in the service's metadata.
        member: `hub` or a province code: who this service is.
        backlog_max: how many events of work may wait for one destination; None for no limit, as for what follows from others' events.
    """

    def __init__(self, tables: DeliveryTables, member: str, backlog_max: int | None = None) -> None:
        self.member = member
        self.outbox = Outbox(tables, member, backlog_max)
        self._backlog_max = backlog_max
        self.inbox = Inbox(tables, member)
        self.parked = ParkedEvents(tables)
        self.alarms, self.standing = Alarms(tables), Standing()
        self.outbox.standing = self.inbox.standing = self.standing
        self.fences = self.outbox.fences = self.inbox.fences = Fences(tables)
        self.instances = Instances(tables, self.outbox, member)
        self._tables = tables

    def following(self) -> Delivery:
        """The same outbox and inbox of the same process, without a limit: for what follows from others' events."""
        unlimited = Delivery(self._tables, self.member)
        unlimited.standing = unlimited.outbox.standing = unlimited.inbox.standing = self.standing
        unlimited.fences = unlimited.outbox.fences = unlimited.inbox.fences = self.fences
        return unlimited

    def touch(self, tx: Connection) -> None:
        """Write something that changes nothing, to learn whether the database takes writes."""
        tx.execute(update(self._tables.epoch).values(epoch=self._tables.epoch.c.epoch))

    def backlog(self, tx: Connection) -> dict[str, float]:
        """By destination, how full its backlog is: 1 when new work is refused."""
        return {head.destination: head.work / self._backlog_max for head in self.outbox.heads(tx)} if self._backlog_max else {}

    def restored(self, tx: Connection, members: Iterable[str], now: datetime) -> int:
        """Part of putting the database back to a backup: a new epoch, and the news of it to `members`; see `restored.py`."""
        return begin_restored(tx, self._tables, self.outbox, members, now)

    def close(self, tx: Connection, receipt: Receipt, proven_sender: str, now: datetime) -> OutboxHead | Refusal | None:
        """See `Outbox.close`; a line that a restore began under too early an epoch begins anew, and the receipt says nothing else."""
        is_its_word = proven_sender == receipt.sender and not self.fences.check(tx, receipt.sender, receipt.fence)
        head = self.outbox.head(tx, receipt.sender)
        if is_its_word and head is not None and catch_up(tx, self._tables, head, receipt, now):
            return None
        return self.outbox.close(tx, receipt, proven_sender, now, head)

    def has_told_restore(self, tx: Connection, member: str) -> bool:
        """Whether we were restored from a backup and have told `member` so."""
        return has_told(tx, self._tables, member)

    def taken_over(self, tx: Connection, members: Iterable[str], now: datetime) -> int:
        """This copy of the database is the member from now on: a new epoch, as after a restore, and no trace of who had it."""
        self.instances.forget(tx)
        self.alarms.clear(tx, self.member)
        return self.restored(tx, members, now)

    def status(self, tx: Connection) -> DeliveryStatus:
        """Count what waits, what was delivered and what was dropped, per other member."""
        return DeliveryStatus(
            self.member,
            self.outbox.epoch(tx),
            self._outbox_status(tx),
            self._inbox_status(tx),
            copy=self.standing.copy.value,
            fence=self.standing.fence,
            alarms=self.alarms.all(tx),
            backlog_max=self._backlog_max or 0,
        )

    def _outbox_status(self, tx: Connection) -> tuple[OutboxStatus, ...]:
        heads, outbox = self._tables.outbox_heads, self._tables.outbox
        oldest = dict(
            tx.execute(
                select(outbox.c.destination, func.min(outbox.c.occurred_at))
                .join_from(heads, outbox, waits(self._tables))
                .group_by(outbox.c.destination)
            )
            .tuples()
            .all()
        )
        rows = tx.execute(select(heads).order_by(heads.c.destination))
        return tuple(
            OutboxStatus(row.destination, row.sequence - row.watermark, row.delivered, oldest.get(row.destination), row.work)
            for row in rows
        )

    def _inbox_status(self, tx: Connection) -> tuple[InboxStatus, ...]:
        heads, parked = self._tables.inbox_heads, self._tables.inbox_parked
        aside = dict(tx.execute(select(parked.c.origin, func.count()).group_by(parked.c.origin)).tuples().all())
        rows = tx.execute(select(heads).order_by(heads.c.origin))
        return tuple(
            InboxStatus(r.origin, r.epoch, r.watermark, r.applied, r.duplicates, r.gaps, r.refused, aside.get(r.origin, 0)) for r in rows
        )
