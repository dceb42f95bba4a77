"""Faults planted on purpose: known mistakes of message systems, put around the production code to see whether the checkers notice.

A simulator that does not fail on them proves nothing. Nothing here is reachable from a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Connection, delete, update

from ...adapters.sql.delivery import Appliers, Arrival, DeliveryTables, Inbox, Received
from ...core.cases import machine, rules
from ...core.cases.messages import CaseEvent
from ...core.cases.model import Case, Party, State
from ...core.decision import Refusal
from ...core.delivery.model import Envelope, Reason, Receipt
from ...wire.batch import decode_batch
from ...wire.envelope import decode_envelope, encode_receipt
from ...wire.subjects import is_batch, receipt_subject
from .broker import Broker
from .bus import VirtualBus

FORGETS_AFTER: Final = timedelta(minutes=2)


class TrustingBus(VirtualBus):
    """Believes the broker: what it took counts as delivered, and the outbox row closes."""

    def taken(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Confirm to ourselves, in the destination's name."""
        for subject, data in messages:
            inside = decode_batch(data) if is_batch(subject) else decode_envelope(data)
            sent = inside[-1] if isinstance(inside, list) else inside
            if isinstance(sent, Envelope):
                receipt = Receipt(sent.destination, sent.origin, sent.epoch, sent.sequence, Reason.APPLIED)
                self.receipt_arrives(receipt_subject(sent.destination, sent.origin), encode_receipt(receipt))


class ForgetfulInbox(Inbox):
    """Remembers what it applied for two minutes, as a broker's own de-duplication does."""

    def receive(self, tx: Connection, arrivals: Sequence[Arrival], appliers: Appliers, now: datetime, **more: Any) -> Received:
        """Forget, then receive."""
        tables, before = self._tables, now - FORGETS_AFTER
        tx.execute(delete(tables.inbox_events).where(tables.inbox_events.c.applied_at < before))
        tx.execute(update(tables.inbox_heads).where(tables.inbox_heads.c.updated_at < before).values(epoch=0, watermark=0))
        return super().receive(tx, arrivals, appliers, now, **more)


@dataclass(frozen=True, slots=True)
class Plant:
    """Which parts are replaced; the default replaces none.

    Args:
        name: what is wrong.
        bus, inbox: the classes that a node is made of.
        epoch_on_restore: whether a restored member begins a new epoch.
        hasty: whether the store says "done" before the disk has it, so that effects leave before the state is safe.
        any_owner_epoch: whether steps decided under an epoch that has ended are accepted.
    """

    name: str = ""
    bus: Callable[[Broker, str, Random, Callable[[bytes], None]], VirtualBus] = VirtualBus
    inbox: Callable[[DeliveryTables, str], Inbox] = Inbox
    epoch_on_restore: bool = True
    hasty: bool = False
    any_owner_epoch: bool = False

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Hold the fault in place during a run."""
        if not self.any_owner_epoch:
            yield
            return
        with patch.object(machine, "next_state", _any_epoch), patch.object(rules, "next_state", _any_epoch):
            yield


_next_state: Final = machine.next_state


def _any_epoch(case: Case, kind: type[CaseEvent], by: Party, owner_epoch: int) -> State | Refusal:
    return _next_state(replace(case, owner_epoch=owner_epoch), kind, by, owner_epoch)


NONE: Final = Plant()
PLANTS: Final = {
    plant.name: plant
    for plant in (
        Plant("close on the broker's ack", bus=TrustingBus),
        Plant("forget after two minutes", inbox=ForgetfulInbox),
        Plant("no epoch on restore", epoch_on_restore=False),
        Plant("send before the state is written", hasty=True),
        Plant("accept a stale owner epoch", any_owner_epoch=True),
    )
}
