"""How delivery stands at one member, counted per other member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """Events for one destination: waiting for its receipt (of them, counted by the backlog limit), and confirmed by it ever."""

    destination: str
    queued: int
    delivered: int
    oldest_queued_at: datetime | None
    work: int = 0


@dataclass(frozen=True, slots=True)
class InboxStatus:
    """Events from one origin: applied ever, and dropped or set aside by reason."""

    origin: str
    epoch: int
    watermark: int
    applied: int
    duplicates: int
    gaps: int
    refused: int
    parked: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """What an operator must look at: whom it is about, a stable code, and how often it happened between two moments."""

    member: str
    code: str
    detail: str
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """One member's view; `epoch` is 0 when it has none yet, `backlog_max` how much work may wait for one member, 0 without a limit.

    `copy` says what this running copy of the member may do (see `leases.Copy`), `fence` under which number it speaks.
    """

    member: str
    epoch: int
    outbox: tuple[OutboxStatus, ...]
    inbox: tuple[InboxStatus, ...]
    broker_connected: bool = False
    backlog_max: int = 0
    copy: str = ""
    fence: int = 0
    alarms: tuple[Alarm, ...] = ()
