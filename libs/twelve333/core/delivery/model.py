"""The things delivery reasons about: envelopes, receipts, and what each side remembers of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final

ENVELOPE_BYTES_MAX: Final = 256 * 1024
EPOCH_NONE: Final = 1  # before every epoch there can be: said to an origin that was never heard
EPOCH_MAX: Final = 2**62  # beyond it no other would fit
WINDOW_EVENTS_MAX: Final = 256  # sent one by one to one destination and not yet confirmed
WINDOW_BATCHED_MAX: Final = 1024  # the same for a destination that takes batches
BATCH_EVENTS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 192 * 1024  # of payloads in one batch; one event may be larger and then travels alone


BACKLOG_EVENTS_MAX: Final = 100_000  # of work for one destination, unless the settings say otherwise
# What never waits for room: it keeps the federation together (members, library, audit, delivery itself), or tells of a live call, which
# nobody's absence may hold up. Everything else is work that can be refused to who asks for it.
UNLIMITED: Final = frozenset({"registration", "library", "audit", "delivery", "routing"})
# What nobody waits for: whoever acts on it was told over gRPC at once, and the hub only counts. It may travel with what comes after it.
UNHURRIED: Final = frozenset({"twelve333.api.routing.v1.HandoffEvent"})


@dataclass(slots=True)  # not frozen, as that makes it four times as dear to make; nobody changes one
class Envelope:
    """One event on its way; see `delivery.proto` for the meaning of each field."""

    origin: str
    destination: str
    epoch: int
    sequence: int
    event_id: str
    capability: str
    type: str
    occurred_at: datetime
    payload: bytes
    key: str = ""
    trace: Mapping[str, str] = field(default_factory=dict)
    sealed: bool = False  # the payload is still sealed: it never opened
    fence: int = 0  # of the running copy that sends it; 0 from an older program


class Reason(Enum):
    """Why a receipt was sent."""

    APPLIED = "applied"
    GAP = "gap"
    HELLO = "hello"


@dataclass(frozen=True, slots=True)
class Receipt:
    """`sender` has committed every event of `origin`'s `epoch` up to `watermark`; and whether its program takes batches."""

    sender: str
    origin: str
    epoch: int
    watermark: int
    reason: Reason
    takes_batches: bool = True
    fence: int = 0  # of the running copy that sends it; 0 from an older program


@dataclass(frozen=True, slots=True)
class InboxFacts:
    """What a receiver knows when an envelope arrives.

    Args:
        member: the receiver itself.
        sender: the member that the transport proved to have sent it.
        epoch: the origin's newest epoch seen here; 0 when never heard of.
        watermark: last sequence of that epoch applied here.
        known_event: whether this event id has been applied before, under whatever number.
        known_digest: of what was applied under that id; empty when it was not kept.
        fence: the highest that any running copy of the origin has shown; see `fencing.py`.
        waits: whether we were restored from a backup and the origin has not confirmed yet that it knows.
    """

    member: str
    sender: str
    epoch: int
    watermark: int
    known_event: bool
    waits: bool = False
    known_digest: bytes = b""
    fence: int = 0


@dataclass(slots=True)  # as `Envelope`
class OutboxHead:
    """What a sender knows of one destination.

    Args:
        destination: member that is told.
        epoch: our own epoch.
        sequence: last sequence appended.
        watermark: last sequence that the destination confirmed.
        work: of those that are not confirmed, how many count towards the limit.
        delivered: how many it confirmed under all epochs.
    """

    destination: str
    epoch: int
    sequence: int
    watermark: int
    work: int = 0
    delivered: int = field(default=0, compare=False)
