"""A PostgreSQL of the benchmark's own that waits for the disk as it would in service, or the reason why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.postgres import CONNECTIONS, is_installed, running_cluster

from .measure import Absent


@asynccontextmanager
async def databases(count: int, **settings: str) -> AsyncIterator[list[str]]:
    """URLs of so many empty databases on one cluster with PostgreSQL's own durability (fsync, synchronous_commit).

    Args:
        count: how many.
        settings: of the cluster, beyond PostgreSQL's own.

    Raises:
        Absent: PostgreSQL is not installed.
    """
    if not is_installed():
        raise Absent("PostgreSQL 15 is not installed: run `make setup`")
    with running_cluster({**CONNECTIONS, **settings}) as cluster:
        yield [await asyncio.to_thread(cluster.create_database) for _ in range(count)]
