"""Events that were set aside: what an operator sees of them (never what they say), and which one may be tried again first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..decision import Refusal, refuse
from .codes import PARKED_EARLIER


@dataclass(frozen=True, slots=True)
class ParkedEvent:
    """One event set aside by the inbox.

    Args:
        origin, epoch, sequence, event_id, type, key: as in its envelope; `key` says what it is about, such as a case id.
        size: bytes of its payload.
        code: why it could not be applied, the last time it was tried.
        occurred_at: when the fact became true at its origin.
        parked_at: when it was set aside here.
        retries: how often an operator had it tried again.
        retried_at: when the last time was.
    """

    origin: str
    epoch: int
    sequence: int
    event_id: str
    type: str
    key: str
    size: int
    code: str
    occurred_at: datetime
    parked_at: datetime
    retries: int
    retried_at: datetime | None


def may_retry(wanted: ParkedEvent, parked: Iterable[ParkedEvent]) -> Refusal | None:
    """Refuse to apply an event while an earlier one of the same origin about the same thing is still set aside.

    Events about other things, and those of other origins, promise no order among each other.

    Refusals: `DELIVERY_PARKED_EARLIER`.
    """
    about = [each for each in parked if each.origin == wanted.origin and each.key == wanted.key]
    earlier = [each for each in about if (each.epoch, each.sequence) < (wanted.epoch, wanted.sequence)]
    if not earlier:
        return None
    first = min(earlier, key=lambda each: (each.epoch, each.sequence))
    return refuse(PARKED_EARLIER, event_id=wanted.event_id, earlier=first.event_id)
