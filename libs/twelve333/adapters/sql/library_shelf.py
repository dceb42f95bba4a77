"""What a process keeps in memory of its replica to search it fast: the catalogue, the rows of each gram, and texts read lately.

A row is never given twice, so what is known of a row stays true, and only new rows are asked of the database. Which rows are there is read
again whenever the stamp of the replica has changed. What there is at the start, and what a release brings before it is shown, is learnt a
little at a time (`catch_up`), so that no search has to. No lock is held while the database is asked, and memory is bounded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, TextClause, func, select, text

from ...core.library import bits
from ...core.library.beside import Beside
from ...core.library.catalogue import Card, Catalogue
from ...core.library.model import Entry
from ...core.library.ranking import Corpus, Text
from ...core.library.search import fold
from . import library_waiting as waiting
from .aside import aside
from .library import Held, decoded
from .library_marks import Mark, mark_of
from .library_tables import LibraryTables

Supplements = Callable[[Connection], Iterable[tuple[int, str, str]]]

T = TypeVar("T")
GRAMS_MAX: Final = 16_384
TEXTS_BYTES_MAX: Final = 24 << 20  # of contents; in memory about twice as much
GRAMS_AT_ONCE: Final = 250  # of one statement; SQLite takes 500
GRAMS_LATELY: Final = 1_000  # that were asked for last, and are learnt before they are asked for again
CARDS_AT_ONCE: Final = 100  # of one transaction of `catch_up`: on PostgreSQL calls wait for it


@dataclass(frozen=True, slots=True)
class ReadText:
    """An entry that was read: its row, as held, decoded, and as it is ranked."""

    row: int
    held: Held
    entry: Entry
    text: Text


class Shelf:
    """One for a process and replica; shared by all threads that search.

    Args:
        tables: of the replica.
        beside: reads the supplements to its entries, each with the row of its entry; whoever changes one changes the replica's mark.
    """

    def __init__(self, tables: LibraryTables, beside: Supplements = lambda tx: ()) -> None:
        self.tables, self._beside = tables, beside
        self._lock = threading.Lock()
        self._catalogue = Catalogue()
        self._listed = 0  # the highest row in the catalogue
        self._present: tuple[Mark, int, Beside] | None = None
        self._grams: OrderedDict[str, tuple[int, int]] = OrderedDict()  # the rows that hold it, up to which row
        self._texts: OrderedDict[int, ReadText] = OrderedDict()
        self._bytes = 0  # of their contents
        self._waiting: dict[int, str] = {}  # texts that are not in the index yet

    def expect(self, grams: Iterable[str]) -> None:
        """Let `catch_up` learn these grams too: they will be asked for."""
        with self._lock:
            for gram in grams:
                self._grams.setdefault(gram, (0, 0))

    def look(self, tx: Connection) -> View:
        """The replica as one transaction sees it."""
        mark, present = mark_of(tx), self._present
        if present is not None and present[0] == mark:
            return View(tx, self, *present)
        listed = tx.execute(_PRESENT[tx.dialect.name]).scalar()
        rows = aside(tx, lambda: bits.of(_numbers(listed)))
        if self._listed < mark.newest:
            new = self.tables.library_entries.c.row_id > self._listed
            self._file(self._read_cards(tx, _cards(self.tables).where(new), _card), mark.newest)
        texts = list(self._beside(tx))
        self._present = present = mark, rows, aside(tx, lambda: Beside(texts))
        return View(tx, self, *present)

    def catch_up(self, tx: Connection) -> bool:
        """Learn a little of what is not known yet: of what is in use, then of what is written beside it; False if that was all.

        Where the grams stand is learnt once the index has all texts: it knows that faster than they can be read.
        """
        mark = mark_of(tx)
        if self._listed < mark.highest:
            in_use = self._listed < mark.newest
            cards = self._next_in_use(tx) if in_use else self._next_beside(tx)
            self._file(cards, cards[-1].row if cards else mark.newest if in_use else mark.highest)
            return True
        if self.waiting(tx):
            return False
        with self._lock:
            lately = list(islice(reversed(self._grams.items()), GRAMS_LATELY))
        behind = [gram for gram, (_, covered) in lately if covered < mark.highest][:GRAMS_AT_ONCE]
        View(tx, self, replace(mark, newest=mark.highest), 0, Beside()).corpus(behind[::-1])
        return bool(behind)

    def _next_in_use(self, tx: Connection) -> list[Card]:
        row_id = self.tables.library_entries.c.row_id
        return self._read_cards(tx, _cards(self.tables).where(row_id > self._listed).order_by(row_id).limit(CARDS_AT_ONCE), _card)

    def _next_beside(self, tx: Connection) -> list[Card]:
        c = self.tables.library_contents.c
        rows = select(c.row_id, c.content).where(c.row_id > self._listed).order_by(c.row_id).limit(CARDS_AT_ONCE)
        return self._read_cards(tx, rows, lambda row: _card_of(row.row_id, bytes(row.content)))

    @staticmethod
    def _read_cards(tx: Connection, query: Any, card: Callable[[Row[Any]], Card]) -> list[Card]:
        came = tx.execute(query).all()
        return aside(tx, lambda: list(map(card, came)))

    def _file(self, cards: Sequence[Card], until: int) -> None:
        """Put cards of rows up to `until` into the catalogue."""
        with self._lock:
            self._catalogue.add(card for card in cards if card.row not in self._catalogue.ids)
            self._listed = max(self._listed, until)

    def known(self, gram: str) -> tuple[int, int]:
        """The rows known to hold a gram, and up to which row that is so."""
        with self._lock:
            if gram in self._grams:
                self._grams.move_to_end(gram)
            return self._grams.get(gram, (0, 0))

    def learn(self, gram: str, rows: int, since: int, until: int) -> int:
        """Remember rows of a gram, all there are above `since` up to `until`; returns all known."""
        with self._lock:
            before, covered = self._grams.get(gram, (0, 0))
            if covered < since:  # forgotten in the meantime
                return before | rows
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

    def waiting(self, tx: Connection) -> dict[int, str]:
        """The texts, by row, of what is not in the index yet. To be asked before the index: what goes into it in between is in both."""
        rows, known = waiting.rows_of(tx, self.tables), self._waiting
        came = waiting.texts_of(tx, self.tables, [row for row in rows if row not in known])
        self._waiting = texts = {row: known[row] if row in known else came.get(row, "") for row in rows}
        return texts

    @property
    def catalogue(self) -> Catalogue:
        """Of all entries that were ever seen."""
        return self._catalogue


class View:
    """A replica as one transaction sees it.

    Args:
        rows: of the entries there are.
        beside: the supplements to them.
    """

    def __init__(self, tx: Connection, shelf: Shelf, mark: Mark, rows: int, beside: Beside) -> None:
        self._tx, self._shelf, self._mark, self.rows, self.beside = tx, shelf, mark, rows, beside
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
        return (self._grams.get(gram, 0) | self.beside.holding(gram)) & self.rows

    def grams_in(self, rows: Sequence[int]) -> dict[int, set[str]]:
        """Which of the grams known here each of `rows` holds."""
        found = [set[str]() for _ in rows]
        for gram in self._grams:
            for held, grams in zip(bits.among(self.holding(gram), rows), found, strict=True):
                if held:
                    grams.add(gram)
        return dict(zip(rows, found, strict=True))

    def numbered(self, numbers: Sequence[str]) -> int:
        """The rows of entries that have one of these document numbers."""
        e = self._shelf.tables.library_entries.c
        return bits.of(self._tx.execute(select(e.row_id).where(e.number.in_(numbers))).scalars()) & self.rows if numbers else 0

    def texts(self, rows: Sequence[int]) -> list[ReadText]:
        """The entries of `rows`, in that order."""
        found = self._shelf.texts(rows)
        missing = [row for row in rows if row not in found]
        if missing:
            e, c = self._shelf.tables.library_entries.c, self._shelf.tables.library_contents
            whole = select(e.row_id, e.entry_id, e.version, e.release, e.recorded_at, c.c.content).join(c, c.c.row_id == e.row_id)
            came = self._tx.execute(whole.where(e.row_id.in_(missing))).all()
            read = self.aside(lambda: {row.row_id: _read(row) for row in came})
            self._shelf.keep(read)
            found |= read
        return [self._with_beside(found[row]) for row in rows]

    def aside(self, work: Callable[[], T]) -> T:
        """Compute something without the connection, see `aside`."""
        return aside(self._tx, work)

    def _with_beside(self, one: ReadText) -> ReadText:
        """A text as it is ranked here: with the words beside it."""
        words = self.beside.words_of(one.row)
        return replace(one, text=Text(one.text.title, "\n".join([one.text.body, *(each.folded for each in words)]))) if words else one

    def _ask(self, behind: Sequence[tuple[str, int]]) -> None:
        """Learn from the index which new rows hold these grams."""
        texts = self._shelf.waiting(self._tx)
        in_words = _fts if self._tx.dialect.name == "sqlite" else _tsq
        values: dict[str, Any] = {f"g{i}": in_words(gram) for i, (gram, _) in enumerate(behind)}
        values |= {f"a{i}": covered for i, (_, covered) in enumerate(behind)}
        came = self._tx.execute(_holding(self._tx.dialect.name, len(behind)), values).all()

        def held() -> list[tuple[int, int]]:
            listed = {number: _numbers(rows) for number, rows in came}
            return [(i, bits.of([*listed[i], *waiting.holding(texts, *one)])) for i, one in enumerate(behind)]

        for number, found in self.aside(held):
            gram, covered = behind[number]
            self._grams[gram] |= self._shelf.learn(gram, found, covered, self._mark.highest)


# One row for all numbers: with many threads each row fetched may have to wait for its turn.
_PRESENT: Final = {
    "sqlite": text("SELECT group_concat(row_id) FROM library_entries WHERE withheld IS NULL"),
    "postgresql": text("SELECT string_agg(CAST(row_id AS text), ',') FROM library_entries WHERE withheld IS NULL"),
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


def _card_of(row: int, content: bytes) -> Card:
    """The card of what no entry points to yet: the same that `_card` gives once one does."""
    entry = decoded(content)
    head = row, entry.id, entry.kind.value, entry.region, entry.topics
    return Card(*head, entry.valid_from, entry.valid_to, fold(entry.title), len(content))


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
