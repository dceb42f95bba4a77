"""What many ask for and few change: read once, given to everybody until a unit of work has changed it.

Rule served: a question that costs a walk through the database is not the way to slow down others who ask something else.
"""

from __future__ import annotations

import asyncio
from typing import Generic

from .database import Database, Notes, T, Work


class Kept(Generic[T]):
    """The result of one read, made on an event loop; whoever asks after a commit that noted `topic` is told what is true since then.

    Args:
        database: read from.
        topic: noted by whatever changes the result, see `note`.
        work: reads and makes the result, which nobody may change.
    """

    def __init__(self, database: Database, topic: str, work: Work[T]) -> None:
        self._database = database
        self._topic = topic
        self._work = work
        self._reading: asyncio.Task[T] | None = None
        database.after_commit(self._forget)

    async def get(self) -> T:
        """The result; those who ask at the same time share one read. Raises as `Database.read`, and reads again at the next call then."""
        if self._reading is None or (self._reading.done() and (self._reading.cancelled() or self._reading.exception())):
            self._reading = asyncio.create_task(self._read())
        return await asyncio.shield(self._reading)

    def _forget(self, notes: Notes) -> None:
        if self._topic in notes:
            self._reading = None

    async def _read(self) -> T:
        return await self._database.read(self._work)
