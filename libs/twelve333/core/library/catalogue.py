"""What a search must know of every entry before it reads any: region, kind, topics, dates, title and length, as sets of rows.

Rows are numbered by the store and a number is never given twice, so what is known of a row stays true; which rows are there is a set of
its own. All of it for 15,000 entries is about 3 MB.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from . import bits
from .ranking import region_weight

KEPT_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of one entry: its row, its id, and what narrows or ranks a search; `length` in any unit, the same for all."""

    row: int
    entry_id: str
    kind: str
    region: str
    topics: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    title: str
    length: int


class Catalogue:
    """Cards by what is on them. Titles are kept folded."""

    def __init__(self) -> None:
        self.ids: dict[int, str] = {}
        self.length: dict[int, int] = {}
        self.lengths: list[int] = []  # as planes
        self._titles: list[tuple[int, str]] = []
        self._kinds: dict[str, int] = {}
        self._regions: dict[str, int] = {}
        self._topics: dict[str, int] = {}
        self._starts: list[tuple[date, int]] = []
        self._ends: list[tuple[date, int]] = []
        self._in_force = lru_cache(maxsize=64)(self._find_in_force)
        self._by_weight = lru_cache(maxsize=512)(self._find_by_weight)
        self._titled: dict[str, tuple[int, int]] = {}  # of how many titles, and the rows among them

    def add(self, cards: Iterable[Card]) -> None:
        """Take in cards of rows that are not known yet."""
        new = list(cards)
        for card in new:
            self.ids[card.row] = card.entry_id
            self.length[card.row] = card.length
            self._titles.append((card.row, card.title))
            if card.valid_from is not None:
                insort(self._starts, (card.valid_from, card.row))
            if card.valid_to is not None:
                insort(self._ends, (card.valid_to, card.row))
        _file(self._kinds, ((card.kind, card.row) for card in new))
        _file(self._regions, ((card.region, card.row) for card in new))
        _file(self._topics, ((topic, card.row) for card in new for topic in card.topics))
        for place, plane in enumerate(bits.planes_of((card.row, card.length) for card in new)):
            self.lengths.extend([0] * (place + 1 - len(self.lengths)))
            self.lengths[place] |= plane
        for found in (self._in_force, self._by_weight):
            found.cache_clear()

    def in_force(self, day: date) -> int:
        """Rows of entries that are in force on `day`; also of rows that are gone."""
        return self._in_force(day)

    def of_kind(self, kind: str) -> int:
        """Rows of entries of that kind."""
        return self._kinds.get(kind, 0)

    def under(self, topic: str) -> int:
        """Rows of entries with a classification code that begins with `topic`."""
        return _union(found for code, found in self._topics.items() if code.startswith(topic))

    def by_weight(self, caller: str) -> tuple[tuple[float, int], ...]:
        """Rows parted by what their region weighs for a caller from there, heaviest first."""
        return self._by_weight(caller)

    def titled(self, word: str) -> int:
        """Rows of entries with the folded `word` in their title; titles are only added, so those looked at before are not again."""
        count, (looked, rows) = len(self._titles), self._titled.get(word, (0, 0))
        if looked < count:
            if len(self._titled) >= KEPT_MAX:
                self._titled.clear()
            rows |= bits.of(row for row, title in self._titles[looked:count] if word in title)
            self._titled[word] = count, rows
        return rows

    def _find_in_force(self, day: date) -> int:
        early = bits.of(row for _, row in self._starts[bisect_right(self._starts, (day, 1 << 62)) :])
        late = bits.of(row for _, row in self._ends[: bisect_left(self._ends, (day, 1 << 62))])
        return _union(self._kinds.values()) & ~early & ~late

    def _find_by_weight(self, caller: str) -> tuple[tuple[float, int], ...]:
        found: dict[float, int] = {}
        for region, rows in self._regions.items():
            weight = region_weight(region, caller)
            found[weight] = found.get(weight, 0) | rows
        return tuple(sorted(found.items(), reverse=True))


def _file(index: dict[str, int], cards: Iterable[tuple[str, int]]) -> None:
    """Put rows under their names, a set a name at a time."""
    by_name: dict[str, list[int]] = {}
    for name, row in cards:
        by_name.setdefault(name, []).append(row)
    for name, rows in by_name.items():
        index[name] = index.get(name, 0) | bits.of(rows)


def _union(sets: Iterable[int]) -> int:
    found = 0
    for one in sets:
        found |= one
    return found
