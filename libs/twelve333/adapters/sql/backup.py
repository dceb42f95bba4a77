"""Backup of a running service's database, and restore into a new one: the same on SQLite and PostgreSQL, and from one to the other.

Rule served: a restored database never goes on counting where the old one stopped. It begins a new epoch, so that nothing it tells
is taken for something told before, and tells every member of it; what others told since the backup they send again, because they keep
what was confirmed (`[retention] confirmed_event_days`), and what the member itself decided since it asks back (`Service.ask_back`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, func, inspect, make_url, select, text

from ...core.decision import Refused, refuse
from ...core.delivery.codes import BACKUP_DAMAGED, BACKUP_OF_ANOTHER, BACKUP_TARGET_IN_USE, BACKUP_TARGET_NOT_EMPTY
from . import migrate
from .archive import Header, check_archive, load_archive, write_archive
from .database import Database, open_database
from .delivery import Delivery
from .occupied import alone
from .sqlite import sqlite_engine


@dataclass(frozen=True, slots=True)
class Service:
    """Whose database it is.

    Args:
        name: `national_hub` or `province_node`.
        metadata: its tables.
        delivery: its outbox and inbox, as the member it is.
        schema: makes the tables; revisions unless a test has its own.
        reindex: rebuilds what is derived and no part of a backup, such as the search index.
        others: the members that the restored rows name; each is told of the restore.
        ask_back: asks them for what this member lost of its own.
    """

    name: str
    metadata: MetaData
    delivery: Delivery
    schema: Schema
    reindex: Callable[[Connection], object] = lambda _tx: None
    others: Callable[[Connection], Iterable[str]] = lambda _tx: ()
    ask_back: AskBack = lambda _tx, _lost: None


@dataclass(frozen=True, slots=True)
class Lost:
    """What a restore took away.

    Args:
        since: the moment of the backup; everything after it is gone.
        told: the members that learn of the restore, in order.
        now: the moment of the restore.
    """

    since: datetime
    told: Sequence[str]
    now: datetime


AskBack = Callable[[Connection, Lost], object]


class Schema(Protocol):
    """Makes tables in an empty database."""

    def make(self, url: str, revision: str) -> None:
        """Make the tables of `revision`."""

    def finish(self, url: str) -> str:
        """Bring them to the newest revision and return it."""


class Revisions:
    """The schema that the numbered revisions of a service make."""

    def __init__(self, service: str) -> None:
        self._service = service

    def make(self, url: str, revision: str) -> None:
        """See `Schema`. Raises `Refused` with DELIVERY_SCHEMA_UNKNOWN for a revision of a newer program."""
        migrate.upgrade_to(self._service, url, revision)

    def finish(self, url: str) -> str:
        """See `Schema`."""
        return migrate.upgrade(self._service, url)


@dataclass(frozen=True, slots=True)
class Done:
    """What was backed up or restored; `epoch` is the one in force afterwards."""

    header: Header
    rows: int
    tables: int
    revision: str
    epoch: int


async def backup(database: Database, service: Service, path: Path, now: datetime) -> Done:
    """Write one consistent view of a database, which may be in use, into a file, and read the file again to be sure.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE, DELIVERY_BACKUP_NOT_WRITTEN, DELIVERY_BACKUP_DAMAGED.
    """

    def work(tx: Connection) -> Header:
        revision = MigrationContext.configure(tx).get_current_revision() or ""
        header = Header(service.name, service.delivery.member, revision, service.delivery.outbox.epoch(tx), now)
        write_archive(path, header, tx, service.metadata)
        return header

    header = await database.read(work)
    _, counts = await asyncio.to_thread(check_archive, path)
    return Done(header, sum(counts.values()), len(counts), header.revision, header.epoch)


async def restore(path: Path, url: str, service: Service, now: datetime, *, replace: bool = False) -> Done:
    """Make the database at `url` what the file holds, under a new epoch.

    Args:
        path: what `backup` wrote; checked whole before anything is touched.
        url: of the database; nothing may use it, and it must be empty unless `replace`.
        service: whose it is.
        now: when the new epoch begins.
        replace: put it in the place of what is there; a SQLite file that was there is kept beside it as `….replaced`.

    Raises:
        Refused: DELIVERY_BACKUP_*, DELIVERY_SCHEMA_UNKNOWN, DELIVERY_STORE_UNAVAILABLE.
    """
    header, counts = await asyncio.to_thread(check_archive, path)
    if (header.service, header.member) != (service.name, service.delivery.member):
        raise Refused(refuse(BACKUP_OF_ANOTHER, path=path, member=header.member, wanted=service.delivery.member))
    with alone(url) as free:
        if not free:
            raise Refused(refuse(BACKUP_TARGET_IN_USE))
        if not replace and await asyncio.to_thread(_has_tables, url):
            raise Refused(refuse(BACKUP_TARGET_NOT_EMPTY))
        target = await asyncio.to_thread(_emptied, url)
        await asyncio.to_thread(service.schema.make, target, header.revision)
        await _in(target, partial(_fill, path=path, service=service, counts=counts, now=now))
        revision = await asyncio.to_thread(service.schema.finish, target)
        epoch = await _in(target, partial(_tell, service=service, since=header.made_at, now=now))
        await asyncio.to_thread(_put_in_place, target, url)
    return Done(header, sum(counts.values()), len(counts), revision, epoch)


async def _in(url: str, work: Callable[[Connection], int]) -> int:
    database = open_database(url)
    try:
        return await database.write(work)
    finally:
        await database.close()


def _fill(tx: Connection, path: Path, service: Service, counts: dict[str, int], now: datetime) -> int:
    """Everything or nothing: rows, counts that prove them, derived things, the new epoch."""
    load_archive(path, tx, service.metadata)
    for name, expected in counts.items():
        found = tx.scalar(select(func.count()).select_from(service.metadata.tables[name]))
        if found != expected:
            raise Refused(refuse(BACKUP_DAMAGED, path=path, reason=f"{found} of {expected} rows of {name}"))
    _continue_numbers(tx, service.metadata)
    service.reindex(tx)
    return service.delivery.outbox.begin_epoch(tx, now)


def _tell(tx: Connection, service: Service, since: datetime, now: datetime) -> int:
    """The news of it and what is asked for; only now are the tables those that this program writes."""
    epoch = service.delivery.restored(tx, service.others(tx), now)
    told = [head.destination for head in service.delivery.outbox.heads(tx)]
    service.ask_back(tx, Lost(since, told, now))
    return epoch


def _continue_numbers(tx: Connection, metadata: MetaData) -> None:
    """On PostgreSQL a table that numbers its rows must be told where to go on; SQLite sees it."""
    if tx.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            most = tx.scalar(select(func.max(column)))
            numbered = tx.scalar(text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name})
            if numbered and most:
                tx.execute(text("SELECT setval(CAST(:sequence AS regclass), :most)"), {"sequence": numbered, "most": most})


def _has_tables(url: str) -> bool:
    path = _sqlite_path(url)
    if path is not None and not path.exists():
        return False
    return migrate.with_connection(url, lambda connection: bool(inspect(connection).get_table_names()))


def _emptied(url: str) -> str:
    """The URL to fill: a new SQLite file beside the old one, or the PostgreSQL database without its tables."""
    path = _sqlite_path(url)
    if path is not None:
        fresh = path.with_name(path.name + ".restoring")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{fresh}{suffix}").unlink(missing_ok=True)
        return f"sqlite:///{fresh}"
    migrate.with_connection(url, _drop_tables)
    return url


def _drop_tables(connection: Connection) -> None:
    quote = connection.dialect.identifier_preparer.quote
    for name in inspect(connection).get_table_names():
        connection.exec_driver_sql(f"DROP TABLE {quote(name)} CASCADE")
    connection.commit()


def _put_in_place(target: str, url: str) -> None:
    """Check a filled SQLite file as SQLite itself does, and put it where it belongs; PostgreSQL's is there already."""
    fresh, path = _sqlite_path(target), _sqlite_path(url)
    if fresh is None or path is None:
        return
    with sqlite_engine(str(fresh)).connect() as connection:
        found = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if found != "ok" or broken is not None:
        raise Refused(refuse(BACKUP_DAMAGED, path=fresh, reason="the database made of it is not sound"))
    _fold_log(fresh)
    if path.exists():
        _fold_log(path)
        path.replace(path.with_name(path.name + ".replaced"))
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    fresh.replace(path)


def _fold_log(path: Path) -> None:
    """Bring what is in the write-ahead log into the file itself, so that the file alone is the database."""
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            connection.close()
    except sqlite3.DatabaseError:  # what is replaced may be damaged: that is why it is
        return


def _sqlite_path(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None
