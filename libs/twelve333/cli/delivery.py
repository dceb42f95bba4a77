"""How delivery stands, printed: the part of `twelve333 hub status` and `twelve333 node status` that they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..catalogue.catalogue import sentence
from ..core.delivery.status import DeliveryStatus, OutboxStatus
from .alarms import ALARM_COLUMNS, alarm_values
from .common import Common
from .output import print_json, show, show_one

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

OUTBOX_COLUMNS = ("destination", "queued", "delivered", "oldest_queued_at", "backlog_share")
INBOX_COLUMNS = ("origin", "applied", "duplicates", "gaps", "refused", "parked", "watermark")


def show_delivery(
    status: DeliveryStatus, common: Common, head: DataclassInstance | None = None, more: Mapping[str, Any] | None = None
) -> None:
    """Print who we are, what waits for whom and what came in.

    Args:
        status: the member's view of delivery.
        common: language, and whether to print one JSON object.
        head: more about the member, printed first.
        more: what only the JSON object holds besides.
    """
    values = status_values(status)
    about = {"member": values["member"], "broker_connected": values["broker_connected"], "epoch": values["epoch"]}
    about |= {"copy": values["copy"], "fence": values["fence"]}
    if head is not None and is_dataclass(head):
        about |= {name: _plain(value) for name, value in asdict(head).items() if name not in (more or {})}
    if common.json:
        print_json(about | values | dict(more or {}))
        return
    show_one(about, as_json=False)
    if values["alarms"]:
        show(values["alarms"], ALARM_COLUMNS, as_json=False, title=sentence("DELIVERY_ALARMS_TITLE", {}, common.language))
    show(values["outbox"], OUTBOX_COLUMNS, as_json=False, title=sentence("DELIVERY_OUTBOX_TITLE", {}, common.language))
    show(values["inbox"], INBOX_COLUMNS, as_json=False, title=sentence("DELIVERY_INBOX_TITLE", {}, common.language))


def status_values(status: DeliveryStatus) -> dict[str, Any]:
    """The status as plain values."""
    outbox = [
        {name: _plain(value) for name, value in asdict(line).items()} | {"backlog_share": _share(line, status)} for line in status.outbox
    ]
    inbox = [asdict(line) for line in status.inbox]
    alarms = [alarm_values(alarm) for alarm in status.alarms]
    about = {"member": status.member, "epoch": status.epoch, "broker_connected": status.broker_connected, "backlog_max": status.backlog_max}
    about |= {"copy": status.copy, "fence": status.fence}
    return {**about, "alarms": alarms, "outbox": outbox, "inbox": inbox}


def _share(line: OutboxStatus, status: DeliveryStatus) -> float:
    """How full the backlog for one destination is; at 1 new work is refused."""
    return round(line.work / status.backlog_max, 3) if status.backlog_max else 0.0


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
