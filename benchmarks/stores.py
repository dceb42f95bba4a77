"""The bare minimum that a database asks for keeping bytes: one insert and a durable commit, nothing else. The peer of every store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from .measure import Side, repeated

SQLITE_PEER: Final = "bare SQLite insert + durable commit"
POSTGRESQL_PEER: Final = "bare PostgreSQL insert + durable commit"


@contextmanager
def bare_sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    """A file with one table, as durable as ours: WAL, synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    try:
        yield connection
    finally:
        connection.close()


def commits(connection: sqlite3.Connection, data: bytes) -> Side:
    """A side that commits these bytes, one insert a commit; SQLite has one writer, so one after another."""
    return repeated(lambda _: connection.execute("INSERT INTO bare (data) VALUES (?)", (data,)))


async def commit_on_thread(connection: sqlite3.Connection, writer: asyncio.Lock, data: bytes, count: int) -> None:
    """So many rows of these bytes in one durable commit, beside the event loop; whoever has the lock is the one writer."""
    rows = [(data,)] * count

    def commit() -> None:
        with connection:
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO bare (data) VALUES (?)", rows)

    async with writer:
        await asyncio.to_thread(commit)


async def commit_rows(pool: asyncpg.Pool, data: bytes, count: int) -> None:
    """So many rows of these bytes in one durable commit."""
    if count == 1:
        await pool.execute("INSERT INTO bare (data) VALUES ($1)", data)
    else:
        await pool.executemany("INSERT INTO bare (data) VALUES ($1)", [(data,)] * count)


@asynccontextmanager
async def bare_postgresql(url: str, connections: int) -> AsyncIterator[asyncpg.Pool]:
    """A table in the database at `url`, and as many connections as commits in flight."""
    async with asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=connections, max_size=connections) as pool:
        await pool.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, data bytea NOT NULL)")
        yield pool
