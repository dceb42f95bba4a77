"""Into the inbox, whichever road an event took: one unit of work per batch, a few tries for each event, then it is set aside.

Rule served: order and "once in effect" are the inbox's, so events from the broker and events handed over directly may be mixed freely.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from opentelemetry import metrics

from ...core.decision import Refusal, Refused, refuse
from ...core.delivery.codes import ENVELOPE_MALFORMED
from ...core.delivery.model import Receipt
from ...core.delivery.rules import back_off
from ..clock import Clock
from ..sql.database import Database
from ..sql.delivery import Appliers, Arrival, Delivery, Received

TRIES_MAX: Final = 3  # then the event is set aside
RETRY_BASE: Final = timedelta(milliseconds=50)
RETRY_CAP: Final = timedelta(seconds=5)

log = structlog.get_logger("twelve333.delivery")
_meter = metrics.get_meter("twelve333.delivery")
_counted = _meter.create_counter("twelve333.delivery.arrivals", unit="{event}", description="events that arrived, by what became of them")


class Intake:
    """One member's way into its inbox.

    Args:
        database: holds the inbox.
        delivery: this member's outbox and inbox.
        appliers: what to do with an event, by the full name of its message.
        clock, draw: the present time and random numbers in [0, 1).
    """

    def __init__(self, database: Database, delivery: Delivery, appliers: Appliers, clock: Clock, draw: Callable[[], float]) -> None:
        self._database, self._delivery, self._appliers = database, delivery, appliers
        self._clock, self._draw = clock, draw

    async def receive(self, arrivals: Sequence[Arrival], park: Refusal | None) -> Received:
        """Take arrivals up to the first that cannot be applied, as one unit of work.

        Args:
            arrivals: in the order of arrival.
            park: why the first one is set aside instead of tried again.

        Raises:
            Refused: DELIVERY_STORE_*; nothing was taken.
        """
        work = partial(self._delivery.inbox.receive, arrivals=arrivals, appliers=self._appliers, now=self._clock(), park_first=park)
        received = await self._database.write(work)
        _report(received)
        return received

    async def take(self, arrivals: Sequence[Arrival]) -> Receipt:
        """Take all arrivals of one origin and say how far we are then.

        Raises:
            Refused: DELIVERY_STORE_*, or why none of them could be confirmed (DELIVERY_EPOCH_OLD, DELIVERY_FOREIGN_DESTINATION, …).
        """
        receipt: Receipt | None = None
        failure: Refusal | None = None
        refusals: list[Refusal] = []
        tries = 0
        while arrivals:
            received = await self.receive(arrivals, failure if tries >= TRIES_MAX else None)
            receipt = next(reversed(received.receipts.values()), receipt)
            refusals += received.refusals
            arrivals, failure = arrivals[received.done :], received.failure
            tries = 1 if received.done else tries + 1
            if arrivals:
                await asyncio.sleep(self.pause(tries))
        if receipt is None:
            raise Refused(refusals[0] if refusals else refuse(ENVELOPE_MALFORMED, reason="nothing inside"))
        return receipt

    async def retry(self, origin: str, event_id: str) -> Refusal | None:
        """Apply an event that was set aside; None when it is applied, else why it stays.

        Raises:
            Refused: DELIVERY_PARKED_NOT_FOUND, DELIVERY_PARKED_EARLIER, DELIVERY_STORE_*.
        """
        work = partial(self._delivery.parked.retry, origin=origin, event_id=event_id, appliers=self._appliers, now=self._clock())
        return await self._database.write(work)

    def pause(self, attempt: int) -> float:
        """Seconds to wait after so many failures."""
        return back_off(attempt, self._draw(), RETRY_BASE, RETRY_CAP).total_seconds()


def _report(received: Received) -> None:
    for outcome, count in received.counts.items():
        if count:
            _counted.add(count, {"outcome": outcome})
    for refusal in received.refusals:
        log.error("event refused", code=refusal.code.name, origin=refusal.params.get("origin", ""))
    if received.failure is not None:
        log.warning("event not applied", code=received.failure.code.name, type=received.failure.params.get("type", ""))
