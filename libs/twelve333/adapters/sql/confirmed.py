"""Which events are confirmed, and since when: told by the heads and by a mark now and then, never written into the events themselves.

Rule served: an event is confirmed when its line has moved on to a later epoch without it, or its watermark has reached it. Since when is
asked by retention only; so each of its runs marks how far every line is, and an event counts as confirmed since the first mark at or
beyond it. To write each confirmed event again, with its indexes, cost as much as to insert it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, literal, select, tuple_

from .later import settle
from .tables import DeliveryTables


def waits(tables: DeliveryTables) -> ColumnElement[bool]:
    """Whether an event is not confirmed yet, where its destination's head is joined."""
    outbox, heads = tables.outbox.c, tables.outbox_heads.c
    return and_(outbox.destination == heads.destination, outbox.epoch == heads.epoch, outbox.sequence > heads.watermark)


def mark_confirmed(tx: Connection, tables: DeliveryTables, now: datetime) -> None:
    """Note how far every line is by now, where that is not noted yet."""
    settle(tx)
    heads, marks = tables.outbox_heads.c, tables.outbox_confirmed
    noted = and_(marks.c.destination == heads.destination, marks.c.epoch == heads.epoch, marks.c.sequence == heads.watermark)
    unnoted = select(heads.destination, heads.epoch, heads.watermark).where(~select(marks.c.sequence).where(noted).exists())
    for destination, epoch, watermark in tx.execute(unnoted).all():
        tx.execute(insert(marks).values(destination=destination, epoch=epoch, sequence=watermark, confirmed_at=now))


def confirmed_before(tables: DeliveryTables, moment: datetime) -> Select[Any]:
    """The ids of events that were confirmed before that moment, as the marks say; never of one that waits, whatever they say."""
    outbox, marks = tables.outbox.c, tables.outbox_confirmed.c
    reached = tuple_(outbox.epoch, outbox.sequence) <= tuple_(marks.epoch, marks.sequence)
    ids = (outbox.destination, outbox.epoch, outbox.sequence)
    joined = select(*ids).join_from(tables.outbox, tables.outbox_confirmed, and_(outbox.destination == marks.destination, reached))
    waiting = select(tables.outbox_heads.c.epoch).where(waits(tables)).correlate(tables.outbox).exists()
    return joined.where(marks.confirmed_at < moment, ~waiting).distinct().order_by(*ids)


def forget_marks(tx: Connection, tables: DeliveryTables, before: datetime) -> None:
    """Delete marks that have served: what they reached is gone."""
    marks = tables.outbox_confirmed
    tx.execute(delete(marks).where(marks.c.confirmed_at < before))


def take_back_marks(tx: Connection, tables: DeliveryTables, destination: str, epoch: int, watermark: int) -> None:
    """Forget that what comes after `watermark` was confirmed: its receiver has lost it."""
    marks = tables.outbox_confirmed
    lost = tuple_(marks.c.epoch, marks.c.sequence) > tuple_(literal(epoch), literal(watermark))
    tx.execute(delete(marks).where(marks.c.destination == destination, lost))
