"""What a unit of work computes beside its statements: on another thread where the unit itself runs on the event loop.

On SQLite a unit of work has a thread of its own. On PostgreSQL it runs on the loop, in a greenlet that steps back for each statement; what
it computes in between would keep everybody waiting, a call among them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.util import await_only

T = TypeVar("T")


def aside(tx: Connection, work: Callable[[], T]) -> T:
    """Run `work`, which uses the processor and not the connection, and return its result.

    Args:
        tx: the unit of work that waits for it.
        work: a plain function; what it raises is raised here. Cancelled meanwhile, it runs to its end and nobody hears of it.
    """
    if tx.dialect.name == "sqlite":
        return work()
    result: T = await_only(asyncio.to_thread(work))
    return result
