"""A province's own words beside entries as a search sees them: an entry is found by them too, and what is quoted of them stays apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import bits
from .search import fold, index_grams


@dataclass(frozen=True, slots=True)
class Words:
    """One supplement: its id, its text, and the same folded."""

    supplement_id: str
    text: str
    folded: str


class Beside:
    """The supplements of a replica's entries.

    Args:
        supplements: the row of the entry that each hangs on, its id and its text.
    """

    def __init__(self, supplements: Iterable[tuple[int, str, str]] = ()) -> None:
        self._of: dict[int, list[Words]] = {}
        rows: dict[str, list[int]] = {}
        for row, supplement_id, text in supplements:
            self._of.setdefault(row, []).append(Words(supplement_id, text, fold(text)))
            grams = index_grams(text)
            for gram in {*grams, *(gram[0] for gram in grams)}:  # one character alone is the beginning of a gram
                rows.setdefault(gram, []).append(row)
        self._holding = {gram: bits.of(found) for gram, found in rows.items()}

    def holding(self, gram: str) -> int:
        """The rows of entries that have the gram in a supplement."""
        return self._holding.get(gram, 0)

    def words_of(self, row: int) -> tuple[Words, ...]:
        """The supplements of one entry, in their order."""
        return tuple(self._of.get(row, ()))
