"""PostgreSQL behind the `Database` port: asyncpg through SQLAlchemy's AsyncEngine, with the same group commit as SQLite.

Works of one service run one after another: each batch first takes an advisory lock, so several processes of one service on one
database are in step too, and no work meets a serialisation failure. Statements after the lock see everything committed before it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ...core.decision import Refused, refuse
from ...core.delivery.codes import STORE_CLOSED
from .batch import Job, Waiting, failed, run_batch, tell_all, unavailable
from .database import Listener, T, Work, take_notes
from .fields import OPTION, PLAIN, Fields
from .savepoints import BatchLost

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 30.0
CONNECTIONS_MAX = 8
STATEMENTS_MAX = 512  # that a connection keeps prepared
WRITER_LOCK = 0x12333  # key of the advisory lock that puts the writers of one database in line
BEGIN = ("BEGIN", f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
# classes of SQLSTATE that mean "the server is away or cannot": connection, resources (disk full), operator, system error
_AWAY = ("08", "53", "57", "58")


def is_away(error: BaseException) -> bool:
    """Whether `error` means that the server cannot be reached or cannot work, as opposed to a wrong statement."""
    if isinstance(error, OSError | TimeoutError | PoolTimeoutError | asyncpg.PostgresConnectionError | OperationalError | InterfaceError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = getattr(getattr(error, "orig", error), "sqlstate", None) or ""
    return str(state).startswith(_AWAY)


def postgresql_engine(url: URL, fields: Fields = PLAIN, **settings: str) -> AsyncEngine:
    """An engine on `url`; `fields` seals personal columns, `settings` are server settings for every connection, such as `lock_timeout`."""
    arguments: dict[str, Any] = {"timeout": CONNECT_TIMEOUT_S, "command_timeout": COMMAND_TIMEOUT_S, "server_settings": settings}
    arguments["prepared_statement_cache_size"] = STATEMENTS_MAX
    options = {"pool_size": CONNECTIONS_MAX, "max_overflow": 0, "pool_timeout": CONNECT_TIMEOUT_S, "execution_options": {OPTION: fields}}
    return create_async_engine(url, connect_args=arguments, **options)


class PostgresqlDatabase:
    """See `Database`. Belongs to the event loop that first uses it."""

    dialect = "postgresql"

    def __init__(self, url: URL, fields: Fields = PLAIN) -> None:
        self._engine = postgresql_engine(url, fields)
        self._signal = asyncio.Event()
        self._waiting = Waiting(self._signal.set)
        self._listeners: list[Listener] = []
        self._writer: asyncio.Task[None] | None = None
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
        async with reported(), self._engine.connect() as connection:
            view = await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with view.begin():
                return await view.run_sync(work)

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
            await self._writer
        await self._engine.dispose()

    def _begin(self) -> None:
        if self._closed:
            raise Refused(refuse(STORE_CLOSED))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_forever(), name="postgresql-write")

    async def _write_forever(self) -> None:
        connection: AsyncConnection | None = None
        while not self._closed:
            await self._signal.wait()
            self._signal.clear()
            while jobs := self._waiting.take():
                try:
                    async with reported():
                        connection = await self._begun(connection)
                        await self._commit(connection, jobs)
                except (Refused, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    tell_all(failed(jobs, error))
                    await _drop(connection)
                    connection = None
        await _drop(connection)

    async def _begun(self, connection: AsyncConnection | None) -> AsyncConnection:
        """The writer's connection with an open transaction, in one round trip; one that was lost while nothing was done is made anew."""
        if connection is not None:
            try:
                await _at_once(connection, *BEGIN)
            except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError):
                await _drop(connection)
            else:
                return connection
        made = await self._engine.connect()
        try:
            await made.execution_options(isolation_level="AUTOCOMMIT")  # so that we say ourselves where a transaction begins and ends
            await _at_once(made, *BEGIN)
        except BaseException:
            await _drop(made)
            raise
        return made

    async def _commit(self, connection: AsyncConnection, jobs: list[Job]) -> None:
        outcomes = await connection.run_sync(run_batch, jobs, _usable, BEGIN)
        if await _at_once(connection, "COMMIT") != "COMMIT":  # a statement failed and nobody undid it: the server rolled back
            raise unavailable(BatchLost())
        notes = await connection.run_sync(take_notes)
        tell_all(outcomes)
        for listener in self._listeners if notes else ():
            listener(notes)


async def _at_once(connection: AsyncConnection, *statements: str) -> str:
    """Statements without parameters in one round trip; what the server says of the last."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    said: str = await driver.execute("; ".join(statements))
    return said


async def _drop(connection: AsyncConnection | None) -> None:
    """Never use a connection again whose transaction ended in a way we did not choose; nothing is left of it."""
    if connection is not None:
        await connection.invalidate()
        await connection.close()


def _usable(tx: Connection) -> bool:
    return not tx.invalidated


@asynccontextmanager
async def reported() -> AsyncIterator[None]:
    """Turn a failure of the server into the refusal that callers know; anything else passes."""
    try:
        yield
    except BatchLost as lost:
        raise unavailable(lost.__cause__ or lost) from lost
    except (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if is_away(error):
            raise unavailable(error) from error
        raise
