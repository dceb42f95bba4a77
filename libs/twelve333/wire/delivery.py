"""How delivery stands, between the core and what travels."""

from __future__ import annotations

from ..api.delivery.v1 import service_pb2 as pb
from ..core.delivery.parked import ParkedEvent
from ..core.delivery.status import Alarm, DeliveryStatus, InboxStatus, OutboxStatus
from .times import from_timestamp, to_timestamp


def status_to_wire(status: DeliveryStatus) -> pb.GetDeliveryStatusResponse:
    """A member's view as its answer."""
    return pb.GetDeliveryStatusResponse(
        member=status.member,
        epoch=status.epoch,
        broker_connected=status.broker_connected,
        outbox=[_outbox_to_wire(line) for line in status.outbox],
        inbox=[_inbox_to_wire(line) for line in status.inbox],
        backlog_max=status.backlog_max,
        copy=status.copy,
        fence=status.fence,
        alarms=[_alarm_to_wire(alarm) for alarm in status.alarms],
    )


def status_from_wire(message: pb.GetDeliveryStatusResponse) -> DeliveryStatus:
    """The answer as the member's view."""
    outbox = tuple(_outbox_from_wire(line) for line in message.outbox)
    inbox = tuple(_inbox_from_wire(line) for line in message.inbox)
    alarms = tuple(_alarm_from_wire(alarm) for alarm in message.alarms)
    standing = (message.backlog_max, message.copy, message.fence, alarms)
    return DeliveryStatus(message.member, message.epoch, outbox, inbox, message.broker_connected, *standing)


def parked_to_wire(event: ParkedEvent) -> pb.ParkedEvent:
    """An event set aside, as its message."""
    message = pb.ParkedEvent(
        origin=event.origin,
        epoch=event.epoch,
        sequence=event.sequence,
        event_id=event.event_id,
        type=event.type,
        key=event.key,
        size=event.size,
        code=event.code,
        occurred_at=to_timestamp(event.occurred_at),
        parked_at=to_timestamp(event.parked_at),
        retries=event.retries,
    )
    if event.retried_at:
        message.retried_at.CopyFrom(to_timestamp(event.retried_at))
    return message


def parked_from_wire(message: pb.ParkedEvent) -> ParkedEvent:
    """The message as an event set aside."""
    return ParkedEvent(
        message.origin,
        message.epoch,
        message.sequence,
        message.event_id,
        message.type,
        message.key,
        message.size,
        message.code,
        from_timestamp(message.occurred_at),
        from_timestamp(message.parked_at),
        message.retries,
        from_timestamp(message.retried_at) if message.HasField("retried_at") else None,
    )


def _outbox_to_wire(line: OutboxStatus) -> pb.OutboxStatus:
    oldest = to_timestamp(line.oldest_queued_at) if line.oldest_queued_at else None
    return pb.OutboxStatus(
        destination=line.destination, queued=line.queued, delivered=line.delivered, oldest_queued_at=oldest, work=line.work
    )


def _outbox_from_wire(line: pb.OutboxStatus) -> OutboxStatus:
    oldest = from_timestamp(line.oldest_queued_at) if line.HasField("oldest_queued_at") else None
    return OutboxStatus(line.destination, line.queued, line.delivered, oldest, line.work)


def _inbox_to_wire(line: InboxStatus) -> pb.InboxStatus:
    return pb.InboxStatus(
        origin=line.origin,
        epoch=line.epoch,
        watermark=line.watermark,
        applied=line.applied,
        duplicates=line.duplicates,
        gaps=line.gaps,
        refused=line.refused,
        parked=line.parked,
    )


def _inbox_from_wire(line: pb.InboxStatus) -> InboxStatus:
    return InboxStatus(line.origin, line.epoch, line.watermark, line.applied, line.duplicates, line.gaps, line.refused, line.parked)


def _alarm_to_wire(alarm: Alarm) -> pb.Alarm:
    moments = {"first_at": to_timestamp(alarm.first_at), "last_at": to_timestamp(alarm.last_at)}
    return pb.Alarm(member=alarm.member, code=alarm.code, detail=alarm.detail, count=alarm.count, **moments)


def _alarm_from_wire(alarm: pb.Alarm) -> Alarm:
    moments = from_timestamp(alarm.first_at), from_timestamp(alarm.last_at)
    return Alarm(alarm.member, alarm.code, alarm.detail, alarm.count, *moments)
