"""What of our handoffs the members that hold seats for them may ask for: the contexts of several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from twelve333.adapters.sql.fields import reveal
from twelve333.adapters.sql.rows import Listed
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.machine import HOLDS_SEAT, HandoffState

from .routing import handoffs

_COLUMNS: Final = [handoffs.c[name] for name in ("id", "offer_id", "member", "state", "context")]
_OFFERED: Final = Listed(lambda ids: select(*_COLUMNS).where(handoffs.c.id.in_(ids)), handoffs.c.id.type, handoffs)


class Offered(NamedTuple):
    """Who was asked under an offer, where the handoff stands, and what the caller told."""

    member: str
    state: HandoffState
    context: tuple[ContextItem, ...]

    def is_for(self, member: str) -> bool:
        """Whether a member holds a seat for it."""
        return self.member == member and self.state in HOLDS_SEAT


def load_offered(tx: Connection, offer_ids: Sequence[str]) -> dict[str, Offered]:
    """By id those of these offers that are the present ones of handoffs of ours."""
    rows = _OFFERED.dicts(tx, [offer_id.rpartition(".")[0] for offer_id in offer_ids])
    wanted = [row for row in rows if row["offer_id"] in offer_ids]
    return {row["offer_id"]: Offered(row["member"], HandoffState(row["state"]), _context(tx, row)) for row in wanted}


def _context(tx: Connection, row: dict[str, object]) -> tuple[ContextItem, ...]:
    return tuple(ContextItem(*item) for item in reveal(tx, handoffs, row)["context"])
