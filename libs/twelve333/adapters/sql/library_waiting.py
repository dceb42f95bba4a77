"""Contents that the search index has not taken in yet: a search reads their texts instead, until it has.

To index a text costs ten times what it costs to keep it. So what a release changes is found as soon as it is kept, and goes into the index
afterwards, a little at a time, as in a log-structured merge tree (O'Neil et al., 1996) and the pending list of PostgreSQL's GIN. A gram is
in the index for a row exactly if it stands in the folded text, so both ways find the same. Few wait at a time: beyond that, what comes is
indexed as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, select

from ...core.decision import Refusal
from ...core.library.search import fold, searched_text
from ...wire.library import entry_from_content
from .aside import aside
from .library_tables import LibraryTables
from .prepared import insert_rows

ROWS_MAX: Final = 512
BYTES_MAX: Final = 4 << 20  # of contents


@dataclass(slots=True)
class Room:
    """How many more contents may wait, and how many bytes of them."""

    rows: int
    bytes: int

    def takes(self, lengths: Sequence[int]) -> bool:
        """Whether contents of these lengths may wait; they take their room then."""
        if len(lengths) > self.rows or sum(lengths) > self.bytes:
            return False
        self.rows, self.bytes = self.rows - len(lengths), self.bytes - sum(lengths)
        return True


def room(tx: Connection, tables: LibraryTables) -> Room:
    """The room that there is."""
    w = tables.library_waiting.c
    rows, size = tx.execute(select(func.count(), func.coalesce(func.sum(w.bytes), 0)).select_from(tables.library_waiting)).one()
    return Room(max(0, ROWS_MAX - rows), max(0, BYTES_MAX - int(size)))


def put(tx: Connection, tables: LibraryTables, rows: Sequence[tuple[int, int]]) -> None:
    """Let contents wait; each with its bytes."""
    if rows:
        insert_rows(tx, tables.library_waiting, [{"row_id": row_id, "bytes": size} for row_id, size in rows])


def rows_of(tx: Connection, tables: LibraryTables) -> list[int]:
    """The rows of all that wait."""
    return list(tx.execute(select(tables.library_waiting.c.row_id)).scalars())


def texts_of(tx: Connection, tables: LibraryTables, rows: Sequence[int]) -> dict[int, str]:
    """The texts of contents as `holds` looks into them."""
    c = tables.library_contents.c
    found = tx.execute(select(c.row_id, c.content).where(c.row_id.in_(rows))).all() if rows else []
    return aside(tx, lambda: {row.row_id: _text(bytes(row.content)) for row in found})


def holding(texts: Mapping[int, str], gram: str, above: int = 0) -> list[int]:
    """The rows above `above` whose text holds a gram."""
    return [row for row, text in texts.items() if row > above and gram in text]


def next_rows(tx: Connection, tables: LibraryTables, most: int) -> list[tuple[int, bytes]]:
    """Some of those that wait, the first ones first, with their contents."""
    w, c = tables.library_waiting.c, tables.library_contents.c
    rows = tx.execute(select(w.row_id, c.content).where(c.row_id == w.row_id).order_by(w.row_id).limit(most)).all()
    return [(row.row_id, bytes(row.content)) for row in rows]


def settle(tx: Connection, tables: LibraryTables, rows: Sequence[int]) -> list[int]:
    """Those of `rows` that waited; they do so no longer."""
    w = tables.library_waiting
    waited = list(tx.execute(select(w.c.row_id).where(w.c.row_id.in_(rows))).scalars())
    if waited:
        tx.execute(delete(w).where(w.c.row_id.in_(waited)))
    return waited


def _text(content: bytes) -> str:
    """Title and text as they are compared; a content that cannot be read holds nothing."""
    entry = entry_from_content(content)
    return "" if isinstance(entry, Refusal) else fold(searched_text(entry))
