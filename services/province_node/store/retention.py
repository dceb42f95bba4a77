"""What a node keeps only for a while: texts of cases, what was told with calls and left for callbacks, and events on their way."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.retention import Retention

from .callbacks import callbacks
from .cases import store as cases
from .metadata import metadata
from .routing import handoffs, seat_leases

store: Final = Retention(
    metadata,
    cases,
    [
        (handoffs.c.context, handoffs.c.placed_at),
        (seat_leases.c.context, seat_leases.c.accepted_at),
        (callbacks.c.wish, callbacks.c.arrived_at),
    ],
)
