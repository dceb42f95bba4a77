"""The highest fence that a copy of each other member has shown: kept with the inbox, asked at every event and receipt.

Rule served: what a superseded copy says is refused also while the hub is away and over restarts, because the number is on our own disk.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from ...core.decision import Refusal
from ...core.delivery.fencing import check_fence
from .tables import DeliveryTables


class Fences:
    """What one member has seen of the others' copies.

    `floor` adds what somebody else knows of them: at a node the signed directory.
    """

    def __init__(self, tables: DeliveryTables) -> None:
        self._heads = tables.inbox_heads
        self._seen: dict[str, int] = {}  # never above what was really shown, also when a unit of work that noted it was rolled back
        self.floor: Callable[[str], int] = lambda _member: 0

    def seen(self, tx: Connection, member: str) -> int:
        """The highest fence of `member`; 0 if it has told none."""
        if member not in self._seen:
            self._seen[member] = tx.scalar(select(self._heads.c.fence).where(self._heads.c.origin == member)) or 0
        return max(self._seen[member], self.floor(member))

    def check(self, tx: Connection, member: str, fence: int) -> Refusal | None:
        """Refuse what a superseded copy says."""
        return check_fence(member, self.seen(tx, member), fence)

    def note(self, tx: Connection, member: str, fence: int, now: datetime) -> None:
        """Keep a fence that is higher than those before."""
        if fence <= self.seen(tx, member):
            return
        values = {"fence": fence, "updated_at": now}
        if not tx.execute(update(self._heads).where(self._heads.c.origin == member).values(values)).rowcount:
            counts = dict.fromkeys(("epoch", "watermark", "applied", "duplicates", "gaps", "refused"), 0)
            tx.execute(insert(self._heads).values(origin=member, **counts, **values))
        self._seen[member] = fence
