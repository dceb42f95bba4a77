"""After a database was put back to an older backup: what its member must be told again, and what it must not take before.

Rule served: a restore loses nothing that another member still has. The restored member tells everybody, as the first event of its new
epoch, how far it is with them; each begins its line to it anew from there. Numbers are made fresh, event ids stay, so what was kept
after all is recognised. Until a member has confirmed that news, its events are left for later: taken now, they would overtake those
that the backup lacks (findings: "Restores are where federations break").
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, update

from ...api.delivery.v1 import events_pb2
from ...core.delivery.model import OutboxHead, Receipt
from ...core.delivery.rules import knows_a_later_life
from .database import note
from .later import settle
from .outbox import OUTBOX, Outbox, work_of
from .tables import DeliveryTables

RESTORED: Final = events_pb2.Restored.DESCRIPTOR.full_name

Position = tuple[int, int]  # epoch, sequence


def begin_restored(tx: Connection, tables: DeliveryTables, outbox: Outbox, members: Iterable[str], now: datetime) -> int:
    """Begin a new epoch after a restore and tell every member of it; part of the restore, before the service starts.

    Args:
        members: all others that may have told us something since the backup; those that the database knows are added.
        now: when the epoch begins.

    Returns:
        The epoch.
    """
    epoch = outbox.begin_epoch(tx, now)
    heads = {row.origin: row for row in tx.execute(select(tables.inbox_heads))}
    for member in sorted({*members, *heads, *(head.destination for head in outbox.heads(tx))}):
        known = heads.get(member)
        told = events_pb2.Restored(epoch=known.epoch, watermark=known.watermark) if known else events_pb2.Restored()
        outbox.append(tx, destination=member, message=told, now=now)
        begin_line(tx, tables, member, None, now)
    return epoch


def take_back(tx: Connection, tables: DeliveryTables, origin: str, message: bytes, now: datetime) -> None:
    """The applier of `Restored`: what `origin` does not have any more is sent again."""
    settle(tx)
    told = events_pb2.Restored.FromString(message)
    head = tx.execute(select(tables.outbox_heads).where(tables.outbox_heads.c.destination == origin)).one_or_none()
    if head is not None and (told.epoch, told.watermark) != (head.epoch, head.watermark):
        begin_line(tx, tables, origin, (told.epoch, told.watermark), now)


def catch_up(tx: Connection, tables: DeliveryTables, head: OutboxHead, receipt: Receipt, now: datetime) -> bool:
    """Begin a line anew whose receiver knows us under a later epoch than the one that our restore began: our clock was set back since.

    Without it the news of the restore would be refused for ever, as told by a past life. Only such a line may be moved by a receipt.

    Args:
        head: how its sender stands.
        receipt: from a sender that was proved.
        now: by our clock.

    Returns:
        Whether there was such a line.
    """
    if knows_a_later_life(head, receipt) and is_unheard(tx, tables, receipt.sender):
        begin_line(tx, tables, receipt.sender, (receipt.epoch, receipt.watermark), now)
        return True
    return False


def is_unheard(tx: Connection, tables: DeliveryTables, member: str) -> bool:
    """Whether we were restored and `member` has not confirmed that it knows."""
    settle(tx)
    outbox, heads = tables.outbox, tables.outbox_heads
    first = and_(outbox.c.destination == heads.c.destination, outbox.c.epoch == heads.c.epoch, outbox.c.sequence == 1)
    waits = select(outbox.c.type).select_from(heads.join(outbox, first)).where(heads.c.destination == member, heads.c.watermark == 0)
    return tx.execute(waits).scalar_one_or_none() == RESTORED


def has_told(tx: Connection, tables: DeliveryTables, member: str) -> bool:
    """Whether we have told `member` of a restore of ours; the news is kept as long as any confirmed event."""
    news = select(tables.outbox.c.event_id).where(tables.outbox.c.destination == member, tables.outbox.c.type == RESTORED)
    return tx.execute(news.limit(1)).first() is not None


def begin_line(tx: Connection, tables: DeliveryTables, destination: str, after: Position | None, now: datetime) -> None:
    """Number anew what `destination` does not have: what it has not confirmed, and what came after the position it has told.

    Args:
        destination: whose line begins anew.
        after: the last event of ours that it still has; None to believe what it confirmed.
        now: by our clock; the line's epoch is greater than any that either side has seen.
    """
    settle(tx)
    outbox, heads = tables.outbox, tables.outbox_heads
    head = tx.execute(select(heads).where(heads.c.destination == destination)).one()
    lost: ColumnElement[bool] = and_(outbox.c.epoch == head.epoch, outbox.c.sequence > head.watermark)
    if after is not None:
        lost = or_(lost, outbox.c.epoch > after[0], and_(outbox.c.epoch == after[0], outbox.c.sequence > after[1]))
    columns = (outbox.c.event_id, outbox.c.epoch, outbox.c.sequence)
    rows = (
        select(*columns)
        .where(outbox.c.destination == destination, lost)
        .order_by(outbox.c.type != RESTORED, outbox.c.epoch, outbox.c.sequence)
    )
    chosen = tx.execute(rows).all()
    epoch = max(head.epoch + 1, after[0] + 1 if after else 0, int(now.astimezone(UTC).timestamp() * 1000))
    for sequence, row in enumerate(chosen, 1):
        tx.execute(update(outbox).where(outbox.c.event_id == row.event_id).values(epoch=epoch, sequence=sequence))
    reopened = sum(row.epoch < head.epoch or row.sequence <= head.watermark for row in chosen)
    values = {"epoch": epoch, "sequence": len(chosen), "watermark": 0, "delivered": heads.c.delivered - reopened}
    values |= {"work": work_of(tx, tables, destination, epoch)}
    tx.execute(update(heads).where(heads.c.destination == destination).values(values))
    note(tx, OUTBOX)
