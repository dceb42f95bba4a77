"""The library at a node: read from its own replica; an announcement only rings the bell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.library_reading import Counted
from twelve333.adapters.sql.delivery import Applier, Inbound
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.synonyms import extended_lexicon
from twelve333.api.library.v1 import events_pb2
from twelve333.core.library.copying import Lane
from twelve333.wire.library import announced_from_wire

from ..context import NodeContext
from ..library import last_refusal
from ..store import library as store
from ..store import proposals
from .supplements import SupplementedReading


def library_handlers(node: NodeContext, counted: Counted | None = None, shelf: Shelf | None = None) -> SupplementedReading:
    """What desks and operators of the province are offered: the library, with the province's own words beside it.

    Raises:
        Refused: LIBRARY_SYNONYMS_MALFORMED, LIBRARY_FILE_UNREADABLE.
    """
    own = node.settings.library.synonyms
    lexicon = extended_lexicon(node.settings.base / own) if own else None
    shelf = shelf or Shelf(store.tables, proposals.words_beside)
    return SupplementedReading(
        node.database, store.tables, node.clock, shelf=shelf, lexicon=lexicon, home=node.province, counted=counted, refusal=last_refusal
    )


def on_release_announced(wake: Callable[[], None], hurry: Callable[[], None]) -> Applier:
    """What to do when the hub says that there is a new release: fetch it, after this unit of work; an urgent one overtakes the rest.

    The announcement carries nothing to keep; the periodic pull makes up for one that comes too early.
    """
    loop = asyncio.get_running_loop()

    def apply(tx: Connection, event: Inbound, now: datetime) -> None:
        if announced_from_wire(events_pb2.ReleaseAnnounced.FromString(event.message)).lane is Lane.URGENT:
            loop.call_soon_threadsafe(hurry)
        loop.call_soon_threadsafe(wake)

    return apply
