"""The books of this node's calls: counted as they come, compared with the database again and again, and after a restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.clock import Clock
from twelve333.adapters.sql.database import Database
from twelve333.adapters.sql.delivery import Delivery
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.routing import codes
from twelve333.core.routing.books import GRACE, WINDOW, Books, Direction, Kept, Watch, incoming, look, outgoing

from .store import books as store

EVERY_SECONDS: Final = 10.0
PLACING_MOST: Final = timedelta(seconds=30)  # a handoff is placed within its deadline, or answered with an error

_MISSING = metrics.get_meter("twelve333.routing").create_gauge(
    "twelve333.routing.calls_missing", description="calls that came in and are neither out nor waiting nor over, by direction"
)
log = logger("routing")


class CallsCounted:
    """What this process counted since it began, by the hour in which calls were recorded.

    Args:
        clock: the present moment.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_at: datetime | None = None
        self.placing: dict[str, datetime] = {}
        self.books: tuple[Books, ...] = ()  # as they were looked at last
        self._counted: dict[str, Counter[datetime]] = {name: Counter() for name in ("recorded", "accepted", "failed")}

    def began(self, at: datetime) -> datetime:
        """When this process began to count: with the first call, or when it is first asked, which is soon after its start."""
        self._began_at = self._began_at or at
        return self._began_at

    @contextmanager
    def place(self, call_id: str) -> Iterator[None]:
        """Around the placing of one call: what raises was answered with an error."""
        self.placing[call_id] = now = self._clock()
        self.began(now)
        try:
            yield
        except BaseException:
            self._count("failed", self._clock())
            raise
        finally:
            self.placing.pop(call_id, None)

    def recorded(self, placed_at: datetime) -> None:
        """A call was recorded, as placed at that time."""
        self._count("recorded", placed_at)

    def accepted(self, accepted_at: datetime) -> None:
        """A call of another node was accepted at that time."""
        self.began(accepted_at)
        self._count("accepted", accepted_at)

    def since(self, name: str, start: datetime) -> int:
        """How many since an hour began; those before are forgotten."""
        counted = self._counted[name]
        for hour in [hour for hour in counted if hour < _hour(start)]:
            del counted[hour]
        return counted.total()

    def overdue(self, now: datetime) -> int:
        """Calls that have been sought a unit for too long."""
        return sum(now - began > PLACING_MOST for began in self.placing.values())

    def _count(self, name: str, at: datetime) -> None:
        self._counted[name][_hour(at)] += 1


class Bookkeeping:
    """Compares, in `step`, and raises the alarm.

    Args:
        counted: what the process counted.
        member: whose calls.
        database: what is kept.
        delivery: where alarms are kept.
        clock: the present moment.
    """

    def __init__(self, counted: CallsCounted, member: str, database: Database, delivery: Delivery, clock: Clock) -> None:
        self._counted, self._member, self._database, self._clock = counted, member, database, clock
        self._alarms = delivery.alarms
        self._watches = {direction: Watch() for direction in Direction}

    async def step(self) -> None:
        """Look once.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        now = self._clock()
        start = _hour(now - WINDOW)
        counted, since = self._counted, max(self._counted.began(now), start)
        # Before the database is read: a call that is recorded meanwhile is no lost one.
        recorded, failed, accepted = (counted.since(name, start) for name in ("recorded", "failed", "accepted"))
        placing, overdue = len(counted.placing), counted.overdue(now)
        kept, taken = await self._database.read(lambda tx: self._load(tx, start, since, now - GRACE))
        counted.books = outgoing(kept, recorded, placing, overdue, failed), incoming(taken, accepted)
        for books in counted.books:
            _MISSING.set(books.missing, {"direction": books.direction.value})
            watch, alarm = look(self._watches[books.direction], books, now)
            if alarm:
                await self._raise(books, now)
            self._watches[books.direction] = watch

    def _load(self, tx: Connection, start: datetime, since: datetime, held_after: datetime) -> tuple[list[Kept], list[Kept]]:
        out = store.count_outgoing(tx, start, since, held_after)
        return out, store.count_incoming(tx, self._member, start, since, held_after)

    async def _raise(self, books: Books, now: datetime) -> None:
        log.error("calls are missing", code=codes.CALLS_MISSING.name, count=books.missing, state=books.direction.value)
        await self._database.write(lambda tx: self._alarms.give(tx, self._member, codes.CALLS_MISSING, books.words(), now))


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
