"""What a process keeps in memory of its replica to search it fast: the catalogue, the rows of each gram, and texts read lately.

A row is never given twice, so what is known of a row stays true, and only new rows are asked of the database. Which rows are there is read
again whenever the stamp of the replica has changed. No lock is held while the database is asked, and memory is bounded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Row, TextClause, func, select, text

from ...core.library import bits
from ...core.library.catalogue import Card, Catalogue
from ...core.library.model import Entry
from ...core.library.ranking import Corpus, Text
from ...core.library.search import fold
from .library import Held, decoded
from .library_marks import Mark, mark_of
from .library_tables import LibraryTables

GRAMS_MAX: Final = 16_384
TEXTS_BYTES_MAX: Final = 24 << 20  # of contents; in memory about twice as much
GRAMS_AT_ONCE: Final = 250  # of one statement; SQLite takes 500


@dataclass(frozen=True, slots=True)
class ReadText:
    """An entry that was read: its row, as held, decoded, and as it is ranked."""

    row: int
    held: Held
    entry: Entry
    text: Text


class Shelf:
    """One for a process and replica; shared by all threads that search."""

    def __init__(self, tables: LibraryTables) -> None:
        self.tables = tables
        self._lock = threading.Lock()
        self._catalogue = Catalogue()
        self._listed = 0  # the highest row in the catalogue
        self._present: tuple[Mark, int] | None = None
        self._grams: OrderedDict[str, tuple[int, int]] = OrderedDict()  # the rows that hold it, up to which row
        self._texts: OrderedDict[int, ReadText] = OrderedDict()
        self._bytes = 0  # of their contents

    def look(self, tx: Connection) -> View:
        """The replica as one transaction sees it."""
        mark, present = mark_of(tx), self._present
        if present is not None and present[0] == mark:
            return View(tx, self, mark, present[1])
        listed = self._listed
        rows = bits.of(_numbers(tx.execute(_PRESENT[tx.dialect.name]).scalar()))
        cards = [_card(row) for row in tx.execute(_cards(self.tables).where(self.tables.library_entries.c.row_id > listed))]
        with self._lock:
            self._catalogue.add(card for card in cards if card.row not in self._catalogue.ids)
            self._listed = max(self._listed, mark.newest)
            self._present = mark, rows
        return View(tx, self, mark, rows)

    def known(self, gram: str) -> tuple[int, int]:
        """The rows known to hold a gram, and up to which row that is so."""
        with self._lock:
            if gram in self._grams:
                self._grams.move_to_end(gram)
            return self._grams.get(gram, (0, 0))

    def learn(self, gram: str, rows: int, until: int) -> int:
        """Remember more rows of a gram; returns all known."""
        with self._lock:
            before, covered = self._grams.get(gram, (0, 0))
            self._grams[gram] = found = before | rows, max(covered, until)
            self._grams.move_to_end(gram)
            while len(self._grams) > GRAMS_MAX:
                self._grams.popitem(last=False)
        return found[0]

    def texts(self, rows: Iterable[int]) -> dict[int, ReadText]:
        """Those texts of `rows` that were read lately."""
        with self._lock:
            found = {row: self._texts[row] for row in rows if row in self._texts}
            for row in found:
                self._texts.move_to_end(row)
        return found

    def keep(self, texts: dict[int, ReadText]) -> None:
        """Remember texts that were read."""
        with self._lock:
            for row, one in texts.items():
                self._bytes += len(one.held.content) if row not in self._texts else 0
                self._texts[row] = one
            while self._bytes > TEXTS_BYTES_MAX:
                self._bytes -= len(self._texts.popitem(last=False)[1].held.content)

    @property
    def catalogue(self) -> Catalogue:
        """Of all entries that were ever seen."""
        return self._catalogue


class View:
    """A replica as one transaction sees it.

    Args:
        rows: of the entries there are.
    """

    def __init__(self, tx: Connection, shelf: Shelf, mark: Mark, rows: int) -> None:
        self._tx, self._shelf, self._mark, self.rows = tx, shelf, mark, rows
        self.catalogue = shelf.catalogue
        self._grams: dict[str, int] = {}

    def corpus(self, grams: Sequence[str]) -> Corpus:
        """How many entries there are, and how many hold each gram; `holding` knows all of these from then on."""
        behind: list[tuple[str, int]] = []
        for gram in dict.fromkeys(grams):
            found, covered = self._shelf.known(gram)
            self._grams[gram] = found
            if covered < self._mark.newest:
                behind.append((gram, covered))
        for start in range(0, len(behind), GRAMS_AT_ONCE):
            self._ask(behind[start : start + GRAMS_AT_ONCE])
        return Corpus(self.rows.bit_count(), {gram: self.holding(gram).bit_count() for gram in self._grams})

    def holding(self, gram: str) -> int:
        """The rows that hold a gram; one of a single character is the beginning of a gram."""
        return self._grams.get(gram, 0) & self.rows

    def grams_in(self, rows: Sequence[int]) -> dict[int, set[str]]:
        """Which of the grams known here each of `rows` holds."""
        found = [set[str]() for _ in rows]
        for gram, holding in self._grams.items():
            for held, grams in zip(bits.among(holding, rows), found, strict=True):
                if held:
                    grams.add(gram)
        return dict(zip(rows, found, strict=True))

    def texts(self, rows: Sequence[int]) -> list[ReadText]:
        """The entries of `rows`, in that order."""
        found = self._shelf.texts(rows)
        missing = [row for row in rows if row not in found]
        if missing:
            e, c = self._shelf.tables.library_entries.c, self._shelf.tables.library_contents
            whole = select(e.row_id, e.entry_id, e.version, e.release, e.recorded_at, c.c.content).join(c, c.c.row_id == e.row_id)
            read = {row.row_id: _read(row) for row in self._tx.execute(whole.where(e.row_id.in_(missing)))}
            self._shelf.keep(read)
            found |= read
        return [found[row] for row in rows]

    def _ask(self, behind: Sequence[tuple[str, int]]) -> None:
        """Learn from the index which new rows hold these grams."""
        in_words = _fts if self._tx.dialect.name == "sqlite" else _tsq
        values: dict[str, Any] = {f"g{i}": in_words(gram) for i, (gram, _) in enumerate(behind)}
        values |= {f"a{i}": covered for i, (_, covered) in enumerate(behind)}
        for number, listed in self._tx.execute(_holding(self._tx.dialect.name, len(behind)), values):
            gram = behind[number][0]
            self._grams[gram] = self._shelf.learn(gram, bits.of(_numbers(listed)), self._mark.newest)


# One row for all numbers: with many threads each row fetched may have to wait for its turn.
_PRESENT: Final = {
    "sqlite": text("SELECT group_concat(row_id) FROM library_entries"),
    "postgresql": text("SELECT string_agg(CAST(row_id AS text), ',') FROM library_entries"),
}
_GRAM: Final = {
    "sqlite": "SELECT {0}, group_concat(rowid) FROM library_index WHERE library_index MATCH :g{0} AND rowid > :a{0}",
    "postgresql": "SELECT {0}, string_agg(CAST(row_id AS text), ',') FROM library_index "
    "WHERE grams @@ CAST(:g{0} AS tsquery) AND row_id > :a{0}",
}


@lru_cache(maxsize=512)
def _holding(dialect: str, count: int) -> TextClause:
    """The statement that finds the rows of so many grams."""
    return text(" UNION ALL ".join(_GRAM[dialect].format(number) for number in range(count)))


def _cards(tables: LibraryTables) -> Any:
    e, c = tables.library_entries.c, tables.library_contents
    columns = (e.row_id, e.entry_id, e.kind, e.region, e.topics, e.valid_from, e.valid_to, e.title)
    return select(*columns, func.length(c.c.content).label("length")).join(c, c.c.row_id == e.row_id)


def _card(row: Row[Any]) -> Card:
    topics = tuple(row.topics.split())
    return Card(row.row_id, row.entry_id, row.kind, row.region, topics, row.valid_from, row.valid_to, fold(row.title), row.length)


def _read(row: Row[Any]) -> ReadText:
    held = Held(row.entry_id, row.version, row.release, bytes(row.content), row.recorded_at)
    entry = decoded(held.content)
    body = fold(entry.body)
    return ReadText(row.row_id, held, entry, Text(fold(entry.title), entry.body if body == entry.body else body))


def _numbers(listed: str | None) -> list[int]:
    return [int(number) for number in listed.split(",")] if listed else []


def _fts(gram: str) -> str:
    """A gram in the language of FTS5; a gram has letters and digits only."""
    return f'"{gram}"*' if len(gram) == 1 else f'"{gram}"'


def _tsq(gram: str) -> str:
    """A gram as a tsquery, taken as it is."""
    return f"'{gram}':*" if len(gram) == 1 else f"'{gram}'"
