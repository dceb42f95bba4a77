"""Makes freed space hold nothing: a row that was deleted is gone from the file only when its page and the log of writes were overwritten.

SQLite: connections that write overwrite what they free (`secure_delete`); here the write-ahead log is emptied, and on wish the file written
anew. PostgreSQL: vacuum makes the space reusable; only `VACUUM FULL` writes a table anew, its log and standbys are the server's own.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable
from typing import Final

from sqlalchemy import URL, make_url

BUSY_SECONDS: Final = 30.0
PAUSE_SECONDS: Final = 0.1


async def erase_freed(url: str, tables: Iterable[str], *, compact: bool = False) -> bool:
    """Erase what was freed; beside a running service too.

    Args:
        url: of the database.
        tables: in which something was deleted.
        compact: write everything anew, also what was freed before connections overwrote it; takes time and locks.

    Returns:
        False if a reader kept the log of writes from being emptied; the next time will do it.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE, on PostgreSQL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_empty_log, str(parsed.database), compact)
    await _vacuum(parsed, sorted(set(tables)), "VACUUM FULL" if compact else "VACUUM")
    return True


def _empty_log(path: str, compact: bool) -> bool:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    until = time.monotonic() + BUSY_SECONDS
    try:
        if compact:
            connection.execute("VACUUM")
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE_SECONDS)
        return True
    finally:
        connection.close()


async def _vacuum(url: URL, tables: Iterable[str], command: str) -> None:
    from .postgresql import postgresql_engine, reported  # the driver is loaded only where it is used

    engine = postgresql_engine(url)
    try:
        async with reported(), engine.connect() as connection:
            alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in tables:
                await alone.exec_driver_sql(f'{command} "{table}"')
    finally:
        await engine.dispose()
