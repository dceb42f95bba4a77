"""What a database remembers of the processes that had it: the last one, the fence it was granted, and where that was.

Rule served: a process that starts knows whether its predecessor is gone. It is, if that one had this very file (or this very server)
on this machine since it was switched on, and nobody has it open now. A copy of file, disk or machine never passes for the original.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, make_url, select, text, update

from . import migrate
from .occupied import alone
from .outbox import Outbox
from .tables import DeliveryTables

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_SERVER: Final = "SELECT pg_postmaster_start_time()::text || (SELECT oid FROM pg_database WHERE datname = current_database())::text"


@dataclass(frozen=True, slots=True)
class Begun:
    """A process as it begins.

    Args:
        instance: names it.
        fence: the highest that its database was granted, or its epoch if that is higher.
        ended: the process that held the lease, if it is known to be gone.
        fenced: whether this copy of the database was superseded.
    """

    instance: str
    fence: int
    ended: str
    fenced: bool


@dataclass(frozen=True, slots=True)
class Home:
    """Where a database is, as nobody can copy it; `free` when nobody has it open. Empty where that cannot be known."""

    name: str = ""
    free: bool = False


class Instances:
    """The row about the processes of `member`; every method is a step of the caller's unit of work."""

    def __init__(self, tables: DeliveryTables, outbox: Outbox, member: str) -> None:
        self._table, self._outbox, self._member = tables.instance, outbox, member

    def begin(self, tx: Connection, home: Home, now: datetime) -> Begun:
        """Enter this process as the newest on this database."""
        row, epoch = self._row(tx), self._outbox.epoch(tx)
        instance = uuid4().hex
        if row is None:
            values = {"starts": 1, "fence": epoch, "holder": "", "home": "", "fenced_epoch": 0}
            tx.execute(insert(self._table).values(member=self._member, instance=instance, changed_at=now, **values))
            return Begun(instance, epoch, "", fenced=False)
        self._set(tx, now, instance=instance, starts=row.starts + 1)
        gone = home.free and home.name != "" and home.name == row.home
        return Begun(instance, max(row.fence, epoch), row.holder if gone else "", fenced=0 < epoch <= row.fenced_epoch)

    def newest(self, tx: Connection) -> str:
        """The process that started last on this database."""
        row = self._row(tx)
        return row.instance if row else ""

    def granted(self, tx: Connection, instance: str, fence: int, home: Home, now: datetime) -> None:
        """Keep that this process holds the lease."""
        self._set(tx, now, holder=instance, fence=fence, home=home.name)

    def fenced(self, tx: Connection, now: datetime) -> None:
        """Keep that this copy was superseded: it stays so over restarts, until it takes a new epoch."""
        self._set(tx, now, fenced_epoch=self._outbox.epoch(tx))

    def forget(self, tx: Connection) -> None:
        """As if no process had ever begun: for a copy that shall live, beside its new epoch."""
        tx.execute(delete(self._table).where(self._table.c.member == self._member))

    def _row(self, tx: Connection) -> Any:
        return tx.execute(select(self._table).where(self._table.c.member == self._member)).one_or_none()

    def _set(self, tx: Connection, now: datetime, **values: object) -> None:
        tx.execute(update(self._table).where(self._table.c.member == self._member).values(changed_at=now, **values))


async def home_of(url: str) -> Home:
    """Where the database at `url` is and whether nobody has it open; to be asked before it is opened."""
    return await asyncio.to_thread(_home_of, url)


def _home_of(url: str) -> Home:
    parsed = make_url(url)
    with alone(url) as free:
        if parsed.get_backend_name() != "sqlite":
            return Home(migrate.with_connection(url, lambda tx: str(tx.execute(text(_SERVER)).scalar_one())), free)
        try:
            found, boot = Path(str(parsed.database)).stat(), _BOOT.read_text(encoding="ascii").strip()
        except OSError:
            return Home()
        return Home(f"{boot}:{found.st_dev}:{found.st_ino}", free)
