"""Whether the rows of a replica are what was written: content against hash, row against content, index against text.

A row carries a seal over what no content and no signature covers. An index that cannot be read at all is damaged as a whole.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection, Row, select, text

from ...core.decision import Refusal
from ...core.library.merkle import digest_of
from ...core.library.model import Change, Leaf
from ...core.library.search import index_grams, searched_text
from ...wire.library import entry_from_content
from .library import seal_of
from .library_derived import GENERATION, derived
from .library_tables import LibraryTables

_MASK: Final = (1 << 64) - 1


class Damage(Enum):
    """What part of an entry is damaged."""

    CONTENT = "content"
    METADATA = "metadata"
    INDEX = "index"
    PRESENCE = "presence"


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry as found.

    Args:
        change: its row, with the content as it is.
        row_id: of content and index.
        leaf: what its content says of it, whatever the row says.
        damaged: what does not agree, None if all does.
        grams: sum over what must be in the index.
        sealed: whether what the row says beside its content is what was written.
    """

    change: Change
    row_id: int
    leaf: Leaf
    damaged: Damage | None
    grams: int
    sealed: bool = True


def seen_after(tx: Connection, tables: LibraryTables, after: int, size: int) -> list[Seen]:
    """Entries by row number after `after`, at most `size`, each looked at."""
    e, c = tables.library_entries, tables.library_contents
    query = select(e, c.c.content).outerjoin(c, c.c.row_id == e.c.row_id).where(e.c.row_id > after).order_by(e.c.row_id).limit(size)
    return [_seen(row) for row in tx.execute(query)]


def index_sums(tx: Connection) -> dict[int, int] | None:
    """For every row number in the index, the sum over the grams that it is found by; None if the index cannot be read."""
    sums: dict[int, int] = {}
    if tx.dialect.name == "sqlite":
        try:
            for term, row_id in tx.connection.cursor().execute("SELECT term, doc FROM library_index_rows"):
                sums[row_id] = (sums.get(row_id, 0) + hash(term)) & _MASK
        except sqlite3.DatabaseError:
            return None
        return sums
    for row in tx.execute(text("SELECT row_id, tsvector_to_array(grams) AS grams FROM library_index")):
        sums[row.row_id] = _sum(row.grams)
    return sums


def empty_index(tx: Connection) -> None:
    """Empty an index that cannot be read, before it is filled anew."""
    if tx.dialect.name == "sqlite":
        tx.execute(text("INSERT INTO library_index(library_index) VALUES ('delete-all')"))
    else:
        tx.execute(text("DELETE FROM library_index"))


def _seen(row: Row[Any]) -> Seen:
    content = bytes(row.content or b"")
    change = Change(row.entry_id, row.version, row.release, content, None, row.recorded_at, row.sequence)
    entry = entry_from_content(content)
    leaf = Leaf(row.entry_id, row.version, digest_of(content))
    if leaf.digest != bytes(row.digest) or isinstance(entry, Refusal):
        return Seen(change, row.row_id, leaf, Damage.CONTENT, 0)
    said = derived(entry) if row.derived == GENERATION else {}
    agrees = entry.id == row.entry_id and all(getattr(row, name) == value for name, value in said.items())
    sealed = row.seal is None or bytes(row.seal) == seal_of(change)
    grams = _sum(index_grams(searched_text(entry)))
    return Seen(change, row.row_id, leaf, None if agrees and sealed else Damage.METADATA, grams, sealed)


def _sum(grams: Sequence[str]) -> int:
    """The same whatever the order; hashes of texts hold within one run of a program, and that is where both sums are made."""
    return sum(map(hash, grams)) & _MASK
