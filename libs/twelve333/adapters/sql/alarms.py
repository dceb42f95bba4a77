"""What an operator must look at: one row for each member and kind, counted, kept until it is cleared.

Rule served: an alarm survives restarts and is seen in `twelve333 hub status` and `twelve333 node status`; nothing in it is personal.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select, update

from ...core.decision import Code
from ...core.delivery.status import Alarm
from .tables import DeliveryTables


class Alarms:
    """The alarms of one member; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables) -> None:
        self._alarms = tables.alarms

    def give(self, tx: Connection, member: str, code: Code, detail: str, now: datetime) -> bool:
        """Note that it happened (again); whether it is the first time since it was cleared.

        Args:
            member: whom it is about.
            detail: numbers and names of members, shown to operators; the last one is kept.
        """
        alarms = self._alarms
        named = and_(alarms.c.member == member, alarms.c.code == code.name)
        again = tx.execute(update(alarms).where(named).values(count=alarms.c.count + 1, last_at=now, detail=detail))
        if again.rowcount:
            return False
        tx.execute(insert(alarms).values(member=member, code=code.name, detail=detail, count=1, first_at=now, last_at=now))
        return True

    def clear(self, tx: Connection, member: str, only: Iterable[Code] = ()) -> int:
        """Forget those about `member`, with these codes if some are named; how many there were."""
        about = self._alarms.c.member == member
        names = [code.name for code in only]
        return tx.execute(delete(self._alarms).where(and_(about, self._alarms.c.code.in_(names)) if names else about)).rowcount

    def all(self, tx: Connection) -> tuple[Alarm, ...]:
        """All of them, by member and code."""
        rows = tx.execute(select(self._alarms).order_by(self._alarms.c.member, self._alarms.c.code)).mappings()
        return tuple(Alarm(**row) for row in rows)
