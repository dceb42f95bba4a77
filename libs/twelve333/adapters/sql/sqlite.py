"""SQLite behind the `Database` port: one writer thread with group commit, a few readers with their own connections.

One writer is what SQLite has anyway; giving it a queue turns 64 waiting commits into one fsync. WAL with `synchronous=FULL`
loses nothing at power loss; transactions follow SQLAlchemy's pysqlite recipe (`isolation_level = None`, explicit BEGIN).
"""

from __future__ import annotations

import asyncio
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_CLOSED
from .batch import Job, Outcome, Waiting, failed, is_damage, run_batch, tell_all, unavailable
from .database import Listener, Notes, T, Work, take_notes
from .fields import OPTION, PLAIN, Fields
from .savepoints import BatchLost, execute

BUSY_TIMEOUT_MS = 5_000
READERS_MAX = 4
BEGIN = "BEGIN IMMEDIATE"
BEGIN_READ = "BEGIN"


def sqlite_engine(path: str, *, begins: bool = True, reads: bool = False, fields: Fields = PLAIN) -> Engine:
    """An engine on the file at `path` with the pragmas every connection of ours must have.

    Args:
        path: of the database file; made when first written.
        begins: whether a first statement begins a transaction; False for who says that himself.
        reads: for one who may not write.
        fields: seals personal columns.
    """
    options: dict[str, Any] = {"connect_args": {"check_same_thread": False}, "execution_options": {OPTION: fields}}
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, **options)

    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        if reads:
            connection.execute("PRAGMA query_only=ON")
        else:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only forgotten
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    event.listen(engine, "connect", on_connect)
    if begins:
        event.listen(engine, "begin", lambda connection: execute(connection, BEGIN))
    return engine


def _in_transaction(tx: Connection) -> bool:
    return bool(tx.connection.dbapi_connection.in_transaction)  # type: ignore[union-attr]


class SqliteDatabase:
    """See `Database`. Belongs to the event loop that first writes; the file and its threads are opened at first use."""

    dialect = "sqlite"

    def __init__(self, path: str, fields: Fields = PLAIN) -> None:
        self._write_engine = sqlite_engine(path, begins=False, fields=fields)
        self._read_engine = sqlite_engine(path, begins=False, reads=True, fields=fields)
        self._signal: queue.SimpleQueue[bool] = queue.SimpleQueue()  # whether more will follow
        self._waiting = Waiting(lambda: self._signal.put(True))
        self._readers = ThreadPoolExecutor(READERS_MAX, thread_name_prefix="sqlite-read")
        self._resting: queue.SimpleQueue[Connection] = queue.SimpleQueue()  # connections of readers with nothing to do
        self._listeners: list[Listener] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: threading.Thread | None = None
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        """See `Database.write`."""
        self._begin()
        result: T = await self._waiting.add(work)
        return result

    async def write_along(self, work: Work[T]) -> T:
        """See `Database.write_along`."""
        self._begin()
        result: T = await self._waiting.add_along(work)
        return result

    async def read(self, work: Work[T]) -> T:
        """See `Database.read`."""
        if self._closed:
            raise Refused(refuse(STORE_CLOSED))
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    def after_commit(self, listener: Listener) -> None:
        """See `Database.after_commit`."""
        self._listeners.append(listener)

    async def close(self) -> None:
        """See `Database.close`."""
        if self._closed:
            return
        self._closed = True
        if self._writer is not None:
            self._waiting.hand()
            self._signal.put(False)
            await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._readers.shutdown)
        while not self._resting.empty():
            self._resting.get_nowait().close()
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _begin(self) -> None:
        if self._closed:
            raise Refused(refuse(STORE_CLOSED))
        if self._writer is None:
            self._loop = asyncio.get_running_loop()
            self._writer = threading.Thread(target=self._write_forever, name="sqlite-write", daemon=True)
            self._writer.start()

    def _read(self, work: Work[T]) -> T:
        """On a connection that stays open: to check one out and in costs more than what is mostly read."""
        tx: Connection | None = None
        try:
            tx = self._reader()
            execute(tx, BEGIN_READ)
            try:
                return work(tx)
            finally:
                execute(tx, "ROLLBACK")
        except DatabaseError as error:
            tx = self._drop(tx)
            if isinstance(error, OperationalError) or is_damage(error):
                raise unavailable(error) from error
            raise
        finally:
            if tx is not None:
                self._resting.put(tx)

    def _reader(self) -> Connection:
        try:
            return self._resting.get_nowait()
        except queue.Empty:
            return self._read_engine.connect()

    def _write_forever(self) -> None:
        connection: Connection | None = None
        more = True
        while more:
            more = self._signal.get()
            while jobs := self._waiting.take():
                try:
                    connection = connection or self._write_engine.connect()
                    self._commit(connection, jobs)
                except (DBAPIError, BatchLost) as error:
                    cause = error.__cause__ if isinstance(error, BatchLost) and error.__cause__ else error
                    self._tell(failed(jobs, unavailable(cause)), {})
                    connection = self._drop(connection)
        self._drop(connection)

    def _commit(self, connection: Connection, jobs: list[Job]) -> None:
        execute(connection, BEGIN)
        outcomes: list[Outcome] = run_batch(connection, jobs, _in_transaction, (BEGIN,))
        execute(connection, "COMMIT")
        self._tell(outcomes, take_notes(connection))

    def _tell(self, outcomes: list[Outcome], notes: Notes) -> None:
        """Go over to the event loop once for all callers and listeners."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, outcomes, notes)

    def _told(self, outcomes: list[Outcome], notes: Notes) -> None:
        tell_all(outcomes)
        for listener in self._listeners if notes else ():
            listener(notes)

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        if connection is not None:
            connection.invalidate()  # never reuse a connection whose transaction ended in a way we did not choose
            connection.close()
