"""What is searched for, without personal data: which words of a question may be counted, and when a count may be told.

A question may hold anything a caller said, so it is never kept. Counted are single words that are public already: they stand in the
lexicon or in an entry that was found, and are Chinese characters only; numbers, names and whatever else a caller said are none. A count is
shown or told only when the word was used on at least `DESK_DAYS_MIN` different desk-days within `WINDOW_DAYS` (k-anonymity with k = 5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .search import Lexicon, Plan

DESK_DAYS_MIN: Final = 5
WINDOW_DAYS: Final = 7
_WORD = re.compile("[\u4e00-\u9fff]{2,8}")


@dataclass(frozen=True, slots=True)
class TermDemand:
    """How often a word was searched for, and how often nothing was found."""

    term: str
    searches: int
    without_hits: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Words, and the searches altogether."""

    terms: tuple[TermDemand, ...]
    searches: int
    without_hits: int


def countable(plan: Plan, found: Iterable[str], lexicon: Lexicon) -> frozenset[str]:
    """The words of a question that may be counted.

    Args:
        plan: of the question.
        found: folded titles and texts of entries that were found.
        lexicon: whose phrases are public.
    """
    words = [group[0] for group in plan.words if _WORD.fullmatch(group[0])]
    texts = list(found) if words else []
    return frozenset(word for word in words if word in lexicon.synonyms or any(word in text for text in texts))


def told(terms: Iterable[tuple[TermDemand, int]], *, without_hits: bool, limit: int) -> tuple[TermDemand, ...]:
    """The words that may be shown, most used first.

    Args:
        terms: each with the number of desk-days on which it was used.
        without_hits: only those of searches that found nothing.
        limit: words wanted.
    """
    shown = [one for one, desk_days in terms if desk_days >= DESK_DAYS_MIN and (one.without_hits or not without_hits)]
    shown.sort(key=lambda one: (-(one.without_hits if without_hits else one.searches), one.term))
    return tuple(shown[:limit])
