"""A database that survives as real ones do: what was committed, nothing else; and that can be put back to an older backup.

The statements, the savepoints and the group commit are the production ones on SQLite in memory; only the sync of the disk is virtual,
and a crash during it takes the whole batch with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Final, cast

from sqlalchemy import Connection, Engine, MetaData, RootTransaction, create_engine, event
from sqlalchemy.pool import NullPool

from ...adapters.sql.batch import ALONG_S, BATCH_WORKS_MAX, Job, failed, run_batch, tell_all, unavailable
from ...adapters.sql.cases import CaseStore
from ...adapters.sql.database import Listener, T, Work, take_notes
from ...adapters.sql.sqlite import BEGIN
from ...adapters.sql.tables import delivery_tables
from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_CLOSED
from .effects import effect_table
from .loop import Life
from .world import World

SYNC_S_MAX: Final = 0.02

metadata: Final = MetaData()
tables: Final = delivery_tables(metadata)
cases: Final = CaseStore(metadata)
effects: Final = effect_table(metadata)


@lru_cache(maxsize=1)
def engine() -> Engine:
    """One engine for all: each connection is a database of its own, and statements are compiled once."""
    made = create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:", check_same_thread=False), poolclass=NullPool)

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None

    event.listen(made, "connect", on_connect)
    event.listen(made, "begin", lambda connection: _raw(connection).execute(BEGIN))
    return made


@lru_cache(maxsize=1)
def blank() -> bytes:
    """An empty database with every table, as bytes."""
    with engine().connect() as connection:
        with connection.begin():
            metadata.create_all(connection)
        return _raw(connection).serialize()


def _raw(connection: Connection) -> sqlite3.Connection:
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


@dataclass(slots=True)
class Disk:
    """What outlives the process: the committed database, and backups of it."""

    connection: Connection
    backups: list[tuple[float, bytes]] = field(default_factory=list)
    watermarks: dict[tuple[str, int], int] = field(default_factory=dict)  # committed, per (origin, epoch)
    open: RootTransaction | None = None

    @classmethod
    def new(cls) -> Disk:
        """A disk with empty tables."""
        return cls(_connection(blank()))

    def image(self) -> bytes:
        """The committed state as bytes."""
        self.lose_uncommitted()
        return _raw(self.connection).serialize()

    def lose_uncommitted(self) -> None:
        """The power is gone: a transaction that was not committed never was."""
        if self.open is not None:
            self.open.rollback()
            self.open = None

    def load(self, image: bytes) -> None:
        """Put another database in its place."""
        self.lose_uncommitted()
        self.connection.close()
        self.connection = _connection(image)
        self.committed()

    def committed(self) -> None:
        """Note how far the inbox is on the disk."""
        rows = _raw(self.connection).execute("SELECT origin, epoch, watermark FROM inbox_heads")
        self.watermarks = {(origin, epoch): watermark for origin, epoch, watermark in rows}

    def waits(self) -> bool:
        """Whether something is being written, or an outbox row is not confirmed."""
        if self.open is not None:
            return True
        unconfirmed = _raw(self.connection).execute("SELECT count(*) FROM outbox_heads WHERE watermark < sequence")
        return bool(unconfirmed.fetchone()[0])

    def close(self) -> None:
        """Throw it away."""
        self.lose_uncommitted()
        self.connection.close()


def _connection(image: bytes) -> Connection:
    connection = engine().connect()
    _raw(connection).deserialize(image)
    return connection


class VirtualDatabase:
    """See `Database`: one life's access to a disk.

    Args:
        world: counts what is refused.
        disk: what it works on.
        life: ends with it.
        chance: how long a sync takes, and when one finds the disk full.
        hasty: tell callers "done" before the disk has it (a planted fault).
    """

    dialect = "sqlite"

    def __init__(self, world: World, disk: Disk, life: Life, chance: Random, *, hasty: bool = False) -> None:
        self._world, self._disk, self._life, self._chance, self._hasty = world, disk, life, chance, hasty
        self._jobs: list[Job] = []
        self._work, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._writer: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self.fails = 0.0  # how often a sync finds the disk full, now
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        """See `Database.write`."""
        if self._closed:
            raise Refused(refuse(STORE_CLOSED))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_forever())
        job = Job(work)
        self._jobs.append(job)
        self._work.set()
        result: T = await job.future
        return result

    async def write_along(self, work: Work[T]) -> T:
        """See `Database.write_along`; always alone, which leaves the most time for something to go wrong in between."""
        await asyncio.sleep(ALONG_S)
        return await self.write(work)

    async def read(self, work: Work[T]) -> T:
        """See `Database.read`."""
        while not self._idle.is_set():
            await self._idle.wait()
        if self._closed:
            raise Refused(refuse(STORE_CLOSED))
        with self._disk.connection.begin():
            return work(self._disk.connection)

    def after_commit(self, listener: Listener) -> None:
        """See `Database.after_commit`."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """See `Database.close`."""
        self._closed = True

    async def _write_forever(self) -> None:
        while True:
            await self._work.wait()
            taken, self._jobs = self._jobs[:BATCH_WORKS_MAX], self._jobs[BATCH_WORKS_MAX:]
            jobs = [job for job in taken if not job.future.cancelled()]
            if not self._jobs:
                self._work.clear()
            if jobs:
                await self._commit(jobs, self._chance.random() < self.fails)

    async def _commit(self, jobs: list[Job], full: bool) -> None:
        """Run a batch and sync it; on a full disk the statements may all have run before the sync finds no room."""
        self._idle.clear()
        disk, connection = self._disk, self._disk.connection
        disk.open = connection.begin()
        outcomes = run_batch(connection, jobs, lambda _: True, (BEGIN,))
        if self._hasty:
            tell_all(outcomes)
        await asyncio.sleep(self._chance.uniform(0, SYNC_S_MAX))
        if full and not self._hasty:
            self._refuse(jobs)
            return
        disk.open.commit()
        disk.open = None
        disk.committed()
        self._idle.set()
        if not self._hasty:
            tell_all(outcomes)
        notes = take_notes(connection)
        for listener in self._listeners if notes else ():
            listener(notes)

    def _refuse(self, jobs: list[Job]) -> None:
        self._world.counts["commits refused"] += 1
        self._disk.lose_uncommitted()
        take_notes(self._disk.connection)
        self._idle.set()
        tell_all(failed(jobs, unavailable(sqlite3.OperationalError("database or disk is full"))))
