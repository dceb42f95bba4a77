"""What the hub learns of handoffs, after they happened: it is never in the path of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.sql.delivery import Applier, Inbound, Outbox
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.routing.v1 import events_pb2
from twelve333.api.routing.v1 import returns_pb2 as pb
from twelve333.wire.routing import told_from_wire, told_to_wire
from twelve333.wire.times import from_timestamp

from ..store import routing as store

HANDOFFS_ASKED: Final = pb.HandoffReturnsAsked.DESCRIPTOR.full_name
RETURNED_AT_ONCE: Final = 100

log = logger("routing")


def take_told_handoff(tx: Connection, event: Inbound, now: datetime) -> None:
    """Keep the steps that an origin tells; those known already are the same steps."""
    store.keep_steps(tx, event.origin, told_from_wire(events_pb2.HandoffEvent.FromString(event.message)))


def return_handoffs(outbox: Outbox) -> Applier:
    """What to do when an origin that was restored asks for its handoffs: return what it had told, a page at a time."""

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        asked = pb.HandoffReturnsAsked.FromString(event.message)
        found = store.told_since(tx, event.origin, from_timestamp(asked.since), asked.after, RETURNED_AT_ONCE)
        answer = pb.HandoffsReturned(since=asked.since, handoffs=[pb.ReturnedHandoff(told=told_to_wire(each)) for each in found])
        answer.after = found[-1].call.id if len(found) == RETURNED_AT_ONCE else ""
        outbox.append(tx, destination=event.origin, message=answer, now=now)
        log.info("handoffs returned to a restored member", origin=event.origin, count=len(found))

    return apply
