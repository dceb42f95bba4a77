"""What the inbox set aside: listed, tried again by the applier that failed, or given up, each as one unit of work.

Rule served: an event that is tried again is applied exactly as if it had just arrived, and not before an earlier one about the same
thing; one that fails again stays. What an event says is never shown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, and_, delete, func, select, update

from ...core.decision import Kind, Refusal, Refused, refuse
from ...core.delivery.codes import APPLIER_FAILED, PARKED_NOT_FOUND, TYPE_UNKNOWN
from ...core.delivery.parked import ParkedEvent, may_retry
from .fields import reveal
from .inbox import POISON, Appliers, Inbound
from .later import savepoint
from .tables import DeliveryTables

LIST_MAX: Final = 1000


class ParkedEvents:
    """The events that one member has set aside; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables) -> None:
        self._tables = tables
        self._parked = tables.inbox_parked

    def list(self, tx: Connection, origin: str = "", most: int = LIST_MAX) -> tuple[list[ParkedEvent], int]:
        """Events in the order of origin and sequence, at most so many; and how many there are.

        Args:
            origin: only of this member, all if empty.
            most: 1 to 1000.
        """
        columns = self._parked.c
        wanted = columns.origin == origin if origin else columns.origin != ""
        total = tx.scalar(select(func.count()).select_from(self._parked).where(wanted)) or 0
        query = self._select().where(wanted).order_by(columns.origin, columns.epoch, columns.sequence).limit(min(most, LIST_MAX))
        return [_event(row) for row in tx.execute(query).mappings()], total

    def get(self, tx: Connection, origin: str, event_id: str) -> ParkedEvent:
        """One event.

        Raises:
            Refused: DELIVERY_PARKED_NOT_FOUND.
        """
        row = tx.execute(self._select().where(self._named(origin, event_id))).mappings().first()
        if row is None:
            raise Refused(refuse(PARKED_NOT_FOUND, origin=origin, event_id=event_id))
        return _event(row)

    def retry(self, tx: Connection, origin: str, event_id: str, appliers: Appliers, now: datetime) -> Refusal | None:
        """Apply an event now; None when it is applied and no longer set aside, else why it stays.

        Raises:
            Refused: DELIVERY_PARKED_NOT_FOUND, DELIVERY_PARKED_EARLIER, DELIVERY_STORE_UNAVAILABLE.
        """
        event = self.get(tx, origin, event_id)
        same = self._select().where(self._parked.c.origin == origin, self._parked.c.key == event.key)
        if refusal := may_retry(event, [_event(row) for row in tx.execute(same).mappings()]):
            raise Refused(refusal)
        failure = self._apply(tx, event, appliers, now)
        named = self._named(origin, event_id)
        if failure is not None:
            values = {"code": failure.code.name, "retries": event.retries + 1, "retried_at": now}
            tx.execute(update(self._parked).where(named).values(values))
            return failure
        tx.execute(delete(self._parked).where(named))
        heads = self._tables.inbox_heads
        tx.execute(update(heads).where(heads.c.origin == origin).values(applied=heads.c.applied + 1, updated_at=now))
        return None

    def drop(self, tx: Connection, origin: str, event_id: str) -> ParkedEvent:
        """Give an event up: it will never be applied here. Returns what it was.

        Raises:
            Refused: DELIVERY_PARKED_NOT_FOUND.
        """
        event = self.get(tx, origin, event_id)
        tx.execute(delete(self._parked).where(self._named(origin, event_id)))
        return event

    def _apply(self, tx: Connection, event: ParkedEvent, appliers: Appliers, now: datetime) -> Refusal | None:
        applier = appliers.get(event.type)
        if applier is None:
            return refuse(TYPE_UNKNOWN, type=event.type)
        row = tx.execute(select(self._parked).where(self._named(event.origin, event.event_id))).mappings().one()
        payload = reveal(tx, self._parked, row)["payload"]
        numbers = (event.origin, event.epoch, event.sequence, event.event_id)
        try:
            with savepoint(tx, "retry"):
                applier(tx, Inbound(*numbers, event.type, event.key, payload, event.occurred_at), now)
        except Refused as refused:
            if refused.refusal.code.kind is Kind.UNAVAILABLE:
                raise
            return refused.refusal
        except POISON as error:
            return refuse(APPLIER_FAILED, type=event.type, error=type(error).__name__)
        return None

    def _select(self) -> Any:
        columns = [column for column in self._parked.c if column.name != "payload"]
        return select(*columns, func.length(self._parked.c.payload).label("size"))

    def _named(self, origin: str, event_id: str) -> Any:
        return and_(self._parked.c.origin == origin, self._parked.c.event_id == event_id)


def _event(row: RowMapping) -> ParkedEvent:
    return ParkedEvent(**row)
