"""What the hub looks at before an entry may be published that is not in the entry itself: are its files here."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from twelve333.adapters.sql import library_pieces
from twelve333.core.library.messages import Publish
from twelve333.core.library.model import Item
from twelve333.core.library.pieces import digests_of, lacking

from .store.library import tables


def looked_at(tx: Connection, command: Publish) -> Publish:
    """The publication with a fault on each item whose files are not all here: no node could fetch them."""
    wanted = [digest for item in command.items if item.entry for digest in digests_of(item.entry)]
    if not wanted:
        return command
    missing = frozenset(library_pieces.missing(tx, tables, wanted))
    return replace(command, items=tuple(_with_files(item, missing) for item in command.items)) if missing else command


def _with_files(item: Item, missing: frozenset[bytes]) -> Item:
    fault = lacking(item.entry, missing) if item.entry and item.fault is None else None
    return replace(item, fault=fault) if fault else item
