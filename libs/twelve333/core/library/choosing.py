"""Which of thousands of matching entries are worth reading: the most promising by what index and catalogue know of them.

The same choice from every database: whole numbers only, and where all is equal the shorter text, then the id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from . import bits
from .catalogue import Catalogue
from .model import EntryKind
from .ranking import IN_PARTS, NOT_IN_FORCE, TITLE, Corpus, word_rarity
from .search import Plan, query_grams

Holding = Callable[[str], int]  # the rows that hold a gram

_STEP: Final = 8  # steps of a rarity, so that sums are whole numbers
_FACTOR: Final = 1000


def narrowed(catalogue: Catalogue, day: date | None, kind: str, topic: str) -> int | None:
    """The rows that a search may give, None if it may give any.

    Args:
        catalogue: of all entries.
        day: on which they are in force; None for any time.
        kind, topic: only these; empty for any.
    """
    tables = catalogue.of_kind(EntryKind.TOPICS.value)  # a table of codes answers nobody
    sets = [
        *([catalogue.in_force(day)] if day else []),
        *([catalogue.of_kind(kind)] if kind else [~tables] if tables else []),
        *([catalogue.under(topic)] if topic else []),
    ]
    found: int | None = None
    for one in sets:
        found = one if found is None else found & one
    return found


def with_all(grams: Sequence[str], holding: Holding) -> int:
    """The rows that hold every gram."""
    found = holding(grams[0]) if grams else 0
    for gram in grams[1:]:
        if not found:
            break
        found &= holding(gram)
    return found


def literal_planes(plan: Plan, catalogue: Catalogue, corpus: Corpus) -> list[int]:
    """What tells texts apart that all hold the words as typed: those in the title."""
    planes: list[int] = []
    for term in plan.terms:
        bits.add(planes, catalogue.titled(term), _steps(TITLE * word_rarity(term, corpus)))
    return planes


def spoken_planes(plan: Plan, catalogue: Catalogue, corpus: Corpus, holding: Holding) -> list[int]:
    """How much of the question a text may answer: each word that it holds whole, in its title, or in parts."""
    planes: list[int] = []
    for group in plan.words:
        whole = titled = 0
        for word in group:
            whole |= with_all(query_grams(word), holding)
            titled |= catalogue.titled(word)
        rare = word_rarity(group[0], corpus)
        bits.add(planes, whole, _steps(rare))
        bits.add(planes, titled, _steps(TITLE * rare))
    for gram in plan.spoken:
        bits.add(planes, holding(gram), _steps(IN_PARTS * word_rarity(gram, corpus)))
    return planes


def chosen(matching: int, planes: Sequence[int], catalogue: Catalogue, caller: str, day: date, size: int) -> list[int]:
    """The `size` most promising rows of `matching`, best first.

    Args:
        matching: rows to choose from.
        planes: what the words say for each row.
        catalogue: of all entries.
        caller: unit code of the caller's region, or empty.
        day: on which being in force counts.
        size: rows wanted.
    """
    found: list[tuple[int, int, str, int]] = []
    force = catalogue.in_force(day)
    for weight, region in catalogue.by_weight(caller):
        for share, rows in ((1.0, matching & region & force), (NOT_IN_FORCE, matching & region & ~force)):
            best = _first(rows, planes, catalogue, size) if rows else []
            factor = round(_FACTOR * weight * share)
            values = zip(best, bits.sums(planes, best), strict=True)
            found += [(-(value + _STEP) * factor, catalogue.length[row], catalogue.ids[row], row) for row, value in values]
    return [row for *_, row in sorted(found)[:size]]


def _first(rows: int, planes: Sequence[int], catalogue: Catalogue, size: int) -> list[int]:
    """The best `size` of `rows` in no order: greatest sum, then shortest text, then least id."""
    sure, tied = bits.greatest(rows, planes, size)
    if tied:
        short, tied = bits.least(tied, catalogue.lengths, size - sure.bit_count())
        sure |= short
    left = size - sure.bit_count()
    last = sorted(bits.members(tied), key=lambda row: catalogue.ids[row])[:left] if tied else []
    return [*bits.members(sure), *last]


def _steps(weight: float) -> int:
    return round(_STEP * weight)
