"""What of our handoffs the members that hold seats for them may ask for: the contexts of several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from twelve333.adapters.sql.fields import reveal
from twelve333.adapters.sql.rows import Query
from twelve333.core.routing.context import ContextItem
from twelve333.core.routing.machine import HOLDS_SEAT, HandoffState

from .routing import handoffs

ASKED_MAX: Final = 64  # at once; a power of two
_COLUMNS: Final = [handoffs.c[name] for name in ("id", "offer_id", "member", "state", "context")]


class Offered(NamedTuple):
    """Who was asked under an offer, where the handoff stands, and what the caller told."""

    member: str
    state: HandoffState
    context: tuple[ContextItem, ...]

    def is_for(self, member: str) -> bool:
        """Whether a member holds a seat for it."""
        return self.member == member and self.state in HOLDS_SEAT


def load_offered(tx: Connection, offer_ids: Sequence[str]) -> dict[str, Offered]:
    """By id those of these offers, at most 64, that are the present ones of handoffs of ours."""
    ids = [offer_id.rpartition(".")[0] for offer_id in offer_ids]
    size = 1 << (len(ids) - 1).bit_length()
    rows = _QUERIES[size].dicts(tx, **{f"id{at}": ids[min(at, len(ids) - 1)] for at in range(size)})
    wanted = [row for row in rows if row["offer_id"] in offer_ids]
    return {row["offer_id"]: Offered(row["member"], HandoffState(row["state"]), _context(tx, row)) for row in wanted}


def _context(tx: Connection, row: dict[str, object]) -> tuple[ContextItem, ...]:
    return tuple(ContextItem(*item) for item in reveal(tx, handoffs, row)["context"])


def _query(size: int) -> Query:
    ids = [bindparam(f"id{at}", type_=handoffs.c.id.type) for at in range(size)]
    return Query(select(*_COLUMNS).where(handoffs.c.id.in_(ids)), handoffs)


_QUERIES: Final = {size: _query(size) for size in (1 << power for power in range(ASKED_MAX.bit_length()))}
