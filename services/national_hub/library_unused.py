"""Which pieces of files the hub keeps though no entry in use names them: those of every text that it ever published."""

from __future__ import annotations

from functools import partial
from typing import Final

from twelve333.adapters.library_unused import EVERY_SECONDS, Digests, UnusedPieces
from twelve333.adapters.runner import Background

from .context import HubContext
from .store import library_history as history
from .store.library import tables

TEXTS_AT_ONCE: Final = 200


def unused_pieces(hub: HubContext) -> UnusedPieces:
    """Removes what nothing names, in use or in the log, for as long as removals are told."""

    async def named(digests: Digests) -> Digests:
        left, after = digests, (0, 0)
        while left:
            found, reached = await hub.database.read(partial(history.files_after, after=after, size=TEXTS_AT_ONCE))
            if reached is None:
                break
            left, after = left - found, reached
        return digests - left

    return UnusedPieces(hub.database, tables, hub.clock, hub.settings.library.removals_kept, named)


def removing(hub: HubContext) -> Background:
    """The work of it."""
    return Background("unused library files", unused_pieces(hub).step, EVERY_SECONDS)
