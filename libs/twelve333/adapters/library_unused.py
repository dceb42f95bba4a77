"""Removes pieces of files that nothing names any more: no entry in use, and at the hub no text that was ever published.

A piece is marked when nothing names it, and removed once it has been so for as long as removals are kept: until then a slower member may
ask for it. One that is named again, or sent again, loses its mark. What is shared stays while anything names it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from .clock import Clock
from .sql import library_pieces as pieces
from .sql.database import Database
from .sql.library_tables import LibraryTables
from .telemetry.logs import logger

EVERY_SECONDS: Final = 6 * 3600.0

log = logger("library")

Digests = frozenset[bytes]
Among = Callable[[Digests], Awaitable[Digests]]


async def _none(_digests: Digests) -> Digests:
    return frozenset()


class UnusedPieces:
    """See the module; `step` is repeated in the background.

    Args:
        database, tables: where the pieces are.
        clock: the present moment.
        kept: for how long a piece stays that nothing names.
        also_named: which of some pieces are named by texts that are not in use but kept.
    """

    def __init__(self, database: Database, tables: LibraryTables, clock: Clock, kept: timedelta, also_named: Among = _none) -> None:
        self._database, self._tables, self._clock, self._kept = database, tables, clock, kept
        self._also_named = also_named

    async def step(self) -> int:
        """Mark what nothing names, and remove what has been so for long enough; how many pieces that were."""
        unnamed = await self._database.read(lambda tx: pieces.unnamed(tx, self._tables))
        unnamed -= await self._also_named(unnamed) if unnamed else frozenset()
        await self._database.write(lambda tx: pieces.mark_unused(tx, self._tables, unnamed, self._clock()))
        count = 0
        while some := await self._database.write(self._forget):
            count += some
        if count:
            log.info("files removed that nothing names", count=count)
        return count

    def _forget(self, tx: Connection) -> int:
        return pieces.forget_unused(tx, self._tables, self._clock() - self._kept)
