"""PostgreSQL's own logical replication of the library's bytes and index: what a first copy costs where one database is the other's copy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import perf_counter
from typing import Final

import asyncpg

from twelve333.adapters.sql.library_tables import INDEX_STATEMENTS
from twelve333.core.library.model import Entry
from twelve333.core.library.search import index_grams
from twelve333.wire.library import content_of

from .measure import Failed
from .postgres import databases

PEER: Final = "PostgreSQL logical replication of the same bytes and index"
TABLES: Final = ("CREATE TABLE bare (id bigint PRIMARY KEY, data bytea NOT NULL)", INDEX_STATEMENTS["postgresql"][0])
INDEX: Final = INDEX_STATEMENTS["postgresql"][1]
COPIED: Final = "SELECT count(*) = 2 AND bool_and(srsubstate IN ('f', 's', 'r')) FROM pg_subscription_rel"  # f: the copy is committed
WAIT_SECONDS: Final = 240.0
POLL_SECONDS: Final = 0.01


async def first_copy(texts: Iterable[Entry]) -> float:
    """Seconds from subscribing to everything being in the other database, with its index and durably.

    Raises:
        Absent: PostgreSQL is not installed.
        Failed: not everything arrived.
    """
    async with databases(2, wal_level="logical") as urls:
        here, there = [await asyncpg.connect(url.replace("+asyncpg", "")) for url in urls]
        try:
            count = await _publish(here, texts)
            for statement in (*TABLES, INDEX):
                await there.execute(statement)
            seconds = await _subscribe(there, urls[0].replace("postgresql+asyncpg", "postgresql"))
            if (arrived := await there.fetchval("SELECT count(*) FROM bare JOIN library_index ON id = row_id")) != count:
                raise Failed(f"{arrived} of {count} entries were replicated")
            return seconds
        finally:
            await here.close()
            await there.close()


async def _publish(here: asyncpg.Connection, texts: Iterable[Entry]) -> int:
    """Fill a database, which needs no index to offer what it holds, and offer it; how many entries there are."""
    for statement in TABLES:
        await here.execute(statement)
    rows = [(number, content_of(one), index_grams(f"{one.title}\n{one.body}")) for number, one in enumerate(texts, 1)]
    await here.executemany("INSERT INTO bare VALUES ($1, $2)", [(number, data) for number, data, _ in rows])
    await here.executemany("INSERT INTO library_index VALUES ($1, array_to_tsvector($2))", [(number, grams) for number, _, grams in rows])
    await here.execute("CREATE PUBLICATION library FOR TABLE bare, library_index")
    # The slot is made apart: a subscription cannot make it in a database of its own cluster.
    await here.execute("SELECT pg_create_logical_replication_slot('library', 'pgoutput')")
    return len(rows)


async def _subscribe(there: asyncpg.Connection, url: str) -> float:
    """Subscribe, and wait for the copy; seconds that it took."""
    started = perf_counter()
    options = "create_slot = false, synchronous_commit = 'on'"
    await there.execute(f"CREATE SUBSCRIPTION library CONNECTION '{url}' PUBLICATION library WITH ({options})")
    while not await there.fetchval(COPIED):
        if perf_counter() - started > WAIT_SECONDS:
            raise Failed(f"nothing was replicated within {WAIT_SECONDS:.0f} s")
        await asyncio.sleep(POLL_SECONDS)
    seconds = perf_counter() - started
    await there.execute("ALTER SUBSCRIPTION library DISABLE")
    return seconds
