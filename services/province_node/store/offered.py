"""What of our handoffs the members that hold seats for them may ask for: the contexts of several at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from twelve333.adapters.sql.fields import reveal
from twelve333.adapters.sql.rows import Listed
from twelve333.core.routing.context import ContextItem, digest_of
from twelve333.core.routing.context_needs import Needs, minimised
from twelve333.core.routing.machine import HOLDS_SEAT, HandoffState

from .routing import handoffs

_COLUMNS: Final = [handoffs.c[name] for name in ("id", "offer_id", "member", "state", "topic", "context_sha256", "context")]
_OFFERED: Final = Listed(lambda ids: select(*_COLUMNS).where(handoffs.c.id.in_(ids)), handoffs.c.id.type, handoffs)


class Offered(NamedTuple):
    """Who was asked under an offer, where the handoff stands, what it is about, and what the caller told."""

    member: str
    state: HandoffState
    topic: str
    sha256: bytes
    context: tuple[ContextItem, ...]

    def told(self, needs: Needs) -> tuple[ContextItem, ...]:
        """What of it travels; all of it, if that is what was offered (by a program that did not know better)."""
        return self.context if digest_of(self.context) == self.sha256 else minimised(self.context, self.topic, needs).items

    def is_for(self, member: str) -> bool:
        """Whether a member holds a seat for it."""
        return self.member == member and self.state in HOLDS_SEAT


def load_offered(tx: Connection, offer_ids: Sequence[str]) -> dict[str, Offered]:
    """By id those of these offers that are the present ones of handoffs of ours."""
    rows = _OFFERED.dicts(tx, [offer_id.rpartition(".")[0] for offer_id in offer_ids])
    wanted = [row for row in rows if row["offer_id"] in offer_ids]
    return {row["offer_id"]: _offered(tx, row) for row in wanted}


def _offered(tx: Connection, row: dict[str, Any]) -> Offered:
    context = tuple(ContextItem(*item) for item in reveal(tx, handoffs, row)["context"])
    return Offered(row["member"], HandoffState(row["state"]), row["topic"], row["context_sha256"], context)
