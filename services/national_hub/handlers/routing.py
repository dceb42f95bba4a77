"""What the hub learns of handoffs, after they happened: it is never in the path of a call."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.routing.v1 import events_pb2
from twelve333.wire.routing import told_from_wire

from ..store import routing as store


def take_told_handoff(tx: Connection, event: Inbound, now: datetime) -> None:
    """Keep the steps that an origin tells; those known already are the same steps."""
    store.keep_steps(tx, event.origin, told_from_wire(events_pb2.HandoffEvent.FromString(event.message)))
