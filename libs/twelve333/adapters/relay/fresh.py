"""What was appended here just now, as the commit told it: sent from memory instead of being read, decoded and opened again.

Nothing depends on it. What is not here (after a start, a restore, a long backlog) is read from the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from ...core.delivery.model import UNHURRIED, Envelope, OutboxHead

BYTES_MAX: Final = 16 * 1024 * 1024  # of all that is kept; then it is all let go
_EVENT_BYTES: Final = 1024  # around a payload, about

Numbers = tuple[str, int]  # destination and epoch


class Fresh:
    """Heads of all destinations, and recent events that they have not confirmed."""

    def __init__(self) -> None:
        self._heads: dict[str, OutboxHead] = {}
        self._events: dict[Numbers, dict[int, Envelope]] = {}
        self._bytes = 0

    def heads(self) -> list[OutboxHead]:
        """Every destination that is known, in order of its name."""
        return [self._heads[destination] for destination in sorted(self._heads)]

    def read(self, heads: Iterable[OutboxHead]) -> None:
        """Take over what the outbox says."""
        for head in heads:
            known = self._heads.get(head.destination)
            ahead = known is not None and known.epoch == head.epoch and known.sequence > head.sequence
            self._heads[head.destination] = replace(head, sequence=known.sequence) if known and ahead else head

    def appended(self, envelopes: Iterable[Envelope]) -> bool:
        """Take over what was committed; False if the outbox must be read to know how a destination stands."""
        known, last = True, dict[str, int]()
        for envelope in envelopes:
            head = self._heads.get(envelope.destination)
            if head is None or head.epoch != envelope.epoch:
                known = False
                continue
            last[head.destination] = envelope.sequence
            self._keep(envelope)
        for destination, sequence in last.items():
            head = self._heads[destination]
            self._heads[destination] = replace(head, sequence=max(head.sequence, sequence))
        return known

    def confirmed(self, head: OutboxHead) -> OutboxHead:
        """Take over how far a destination is, and let go of what it has; the head as it is then."""
        self.read([head])
        for numbers in [each for each in self._events if each[0] == head.destination]:
            events = self._events[numbers]
            while events and (numbers[1] != head.epoch or next(iter(events)) <= head.watermark):
                self._bytes -= _size(events.pop(next(iter(events))))
            if not events:
                del self._events[numbers]
        return self._heads[head.destination]

    def take(self, head: OutboxHead, sequences: range) -> list[Envelope]:
        """The events with these sequences if all are here; nothing otherwise."""
        events = self._events.get((head.destination, head.epoch), {})
        if sequences.start not in events or sequences[-1] not in events:
            return []
        found = [events[sequence] for sequence in sequences if sequence in events]
        return found if len(found) == len(sequences) else []

    def unhurried(self, head: OutboxHead, sequences: range) -> bool:
        """Whether all of these are here, and nobody waits for any of them."""
        events = self._events.get((head.destination, head.epoch), {})
        return all(sequence in events and events[sequence].type in UNHURRIED for sequence in reversed(sequences))

    def _keep(self, envelope: Envelope) -> None:
        size = _size(envelope)
        if self._bytes + size > BYTES_MAX:
            self._events.clear()
            self._bytes = 0
        self._events.setdefault((envelope.destination, envelope.epoch), {})[envelope.sequence] = envelope
        self._bytes += size


def _size(envelope: Envelope) -> int:
    return len(envelope.payload) + _EVENT_BYTES
