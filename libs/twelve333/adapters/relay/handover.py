"""Around the broker: what waits for a destination is handed straight to it, and its answer is the receipt.

Rule served: the same numbers, the same inbox, the same receipts as over the broker, so both roads may carry the same event and it
still has one effect. One call at a time for each destination; failures are tried again with capped, jittered waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import structlog
from opentelemetry import metrics

from ...core.decision import Refused
from ...core.delivery.model import ENVELOPE_BYTES_MAX, Envelope, OutboxHead, Receipt
from ...core.delivery.rules import back_off

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024 - ENVELOPE_BYTES_MAX
BATCHES_MAX: Final = 64  # then the broker is tried again
RETRY_BASE: Final = timedelta(seconds=1)
RETRY_CAP: Final = timedelta(seconds=15)

log = structlog.get_logger("twelve333.delivery")
_meter = metrics.get_meter("twelve333.delivery")
_handed = _meter.create_counter("twelve333.delivery.handed_over", unit="{event}", description="events handed over without the broker")

Batch = tuple[OutboxHead, list[Envelope]]


class Direct(Protocol):
    """A way to another member that needs no broker."""

    async def deliver(self, destination: str, envelopes: Sequence[Envelope]) -> Receipt:
        """Hand over events in order and return the receipt.

        Raises:
            Refused: RPC_PEER_AWAY, or what the destination refused.
        """


@dataclass(slots=True)
class _Way:
    """What is remembered of one destination: the running task, failures in a row, and when to try again (loop's clock)."""

    task: asyncio.Task[None] | None = None
    attempt: int = 0
    again_at: float = 0.0


class Handovers:
    """One task for each destination that is handed something.

    Args:
        batch_for: reads what is next for a destination; None if nothing is.
        direct: the way.
        take_receipt: closes what a receipt confirms and returns the head after it.
        wake: called when a task has ended.
        draw: random numbers in [0, 1).
    """

    def __init__(
        self,
        batch_for: Callable[[str], Awaitable[Batch | None]],
        direct: Direct,
        take_receipt: Callable[[str, Receipt], Awaitable[OutboxHead | None]],
        wake: Callable[[], None],
        draw: Callable[[], float],
    ) -> None:
        self._batch_for, self._direct, self._take_receipt, self._wake, self._draw = batch_for, direct, take_receipt, wake, draw
        self._ways: dict[str, _Way] = {}

    def busy(self, destination: str) -> bool:
        """Whether something is being handed to `destination` now."""
        way = self._ways.get(destination)
        return way is not None and way.task is not None

    def begin(self, destination: str, needed: Callable[[], bool]) -> None:
        """Hand over what waits, batch after batch, while it is `needed`; nothing happens before the wait after a failure is over."""
        way = self._ways.setdefault(destination, _Way())
        if way.task is None and _now() >= way.again_at:
            way.task = asyncio.create_task(self._hand_over(destination, way, needed), name=f"handover-{destination}")

    def deadlines(self) -> list[float]:
        """When destinations that failed are tried again."""
        return [way.again_at for way in self._ways.values() if way.task is None and way.again_at > _now()]

    async def stop(self) -> None:
        """End what runs; what was not confirmed stays in the outbox."""
        tasks = [way.task for way in self._ways.values() if way.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _hand_over(self, destination: str, way: _Way, needed: Callable[[], bool]) -> None:
        try:
            for _ in range(BATCHES_MAX):
                batch = await self._batch_for(destination)
                further = batch is None or await self._hand(destination, *batch)
                way.attempt = 0 if further else way.attempt + 1
                if batch is None or not further or not needed():
                    break
        except Refused as refused:
            way.attempt += 1
            log.info("not handed over", destination=destination, code=refused.refusal.code.name, attempt=way.attempt)
        finally:
            wait = back_off(way.attempt - 1, self._draw(), RETRY_BASE, RETRY_CAP) if way.attempt else timedelta()
            way.task, way.again_at = None, _now() + wait.total_seconds()
            self._wake()

    async def _hand(self, destination: str, before: OutboxHead, envelopes: list[Envelope]) -> bool:
        """Hand over one batch; whether the answer moved anything."""
        chosen = _fitting(envelopes)
        after = await self._take_receipt(destination, await self._direct.deliver(destination, chosen))
        _handed.add(len(chosen), {"destination": destination})
        return after is not None and after.watermark != before.watermark


def _fitting(envelopes: list[Envelope]) -> list[Envelope]:
    """As many from the front as one call may carry, at least one."""
    size, chosen = 0, list[Envelope]()
    for envelope in envelopes:
        size += len(envelope.payload) + 1024
        if chosen and size > BATCH_BYTES_MAX:
            break
        chosen.append(envelope)
    return chosen


def _now() -> float:
    return asyncio.get_running_loop().time()
