"""The port the relay stands on: hand events to the broker, take those meant for us, exchange receipts.

Rule served: nothing here is trusted to remember. An accepted event may still be lost; only a receipt says it arrived.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...core.decision import Refusal


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came.

    `acknowledge` tells the broker to forget it (call it only after our own commit); `refusal` says why it counts for nothing.
    """

    subject: str
    data: bytes
    acknowledge: Callable[[], Awaitable[None]]
    refusal: Refusal | None = None


class Bus(Protocol):
    """One member's connection to the broker; it heals by itself for as long as the process lives."""

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""

    def on_connected(self, listener: Callable[[], None]) -> None:
        """Call `listener` on the event loop whenever a connection has been made, the first time too."""

    def on_receipt(self, listener: Callable[[str, bytes], None]) -> None:
        """Call `listener` with subject and bytes of every receipt for us."""

    async def start(self) -> None:
        """Begin to connect and return at once, whether the broker is there or not."""

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Hand events (subject, bytes) to the broker in order and wait until it has taken all.

        Raises:
            Refused: `DELIVERY_BROKER_AWAY`; some may have been taken all the same.
        """

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        """Take up to `limit` events meant for us; none when there is nothing, or no broker, within `wait_s` seconds.

        With 0 only what is here already, and nobody is waited for.
        """

    async def send_receipt(self, subject: str, data: bytes) -> None:
        """Send a receipt; when the broker is away it is lost, which costs time only."""

    async def close(self) -> None:
        """Let what was sent go out, then disconnect."""
