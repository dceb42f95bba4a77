"""Which hit comes first: weight of the words found, then in force, then whose rule it is, then how directly it answers.

The same scoring runs over the candidates of every back end, so that SQLite and PostgreSQL give the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..ids import is_within, parent_of, province_of
from .model import NATIONAL, Entry, EntryKind
from .rules import in_force
from .search import fold, query_grams

USUAL_CHARS: Final = 600
_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.4
_IN_PARTS: Final = 0.35
_TITLE: Final = 1.0
_NOT_IN_FORCE: Final = 0.5
_KIND: Final = {EntryKind.QA: 1.25, EntryKind.GUIDE: 1.2, EntryKind.CASE: 1.05, EntryKind.POLICY: 1.0}
_NEAREST, _SAME_PROVINCE, _NATIONAL, _SISTER_UNIT, _ELSEWHERE = 1.4, 1.3, 1.15, 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the index knows of all texts: how many there are, and how many hold each gram."""

    entries: int
    holding: Mapping[str, int]


def region_weight(entry_region: str, caller: str) -> float:
    """Weight of an entry for a caller: own unit, own province, the nation, a sister unit, elsewhere (source: findings, ranking).

    Args:
        entry_region: where the entry applies.
        caller: unit code of the caller's region, empty if not known: then national rules come first.
    """
    if entry_region == NATIONAL:
        return _NATIONAL
    if not caller:
        return _SISTER_UNIT
    if entry_region == caller or (
        parent_of(caller) is not None and is_within(caller, entry_region) and entry_region != province_of(caller)
    ):
        return _NEAREST
    if entry_region == province_of(caller):
        return _SAME_PROVINCE
    return _SISTER_UNIT if province_of(entry_region) == province_of(caller) else _ELSEWHERE


def boost(entry: Entry, caller: str, day: date) -> float:
    """Everything that raises or lowers a hit whatever the words: in force on `day`, region, kind."""
    return (1.0 if in_force(entry, day) else _NOT_IN_FORCE) * region_weight(entry.region, caller) * _KIND[entry.kind]


def weigh(entry: Entry, words: tuple[tuple[str, ...], ...], corpus: Corpus) -> float:
    """Weight of the words found in an entry, 0 if none; a word counts once, by the best of itself and its synonyms."""
    title, body = fold(entry.title), fold(entry.body)
    norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * len(body) / USUAL_CHARS)
    return sum(max(_weigh_word(word, title, body, norm, corpus) for word in group) for group in words)


def _weigh_word(word: str, title: str, body: str, norm: float, corpus: Corpus) -> float:
    """BM25 weight of one word, doubled in the title; a word of which only parts are there counts in part."""
    rare = min((corpus.holding.get(gram, 0) for gram in query_grams(word)), default=0)
    times, in_title = body.count(word), word in title
    if times or in_title:
        frequency = times + in_title
        heading = _TITLE * in_title * (1 + len(word) / max(1, len(title)))  # a title that says little else is about it
        return _idf(rare, corpus.entries) * (frequency * (1 + _SATURATION) / (frequency + norm) + heading)
    return _weigh_parts(word, title, body, norm, corpus)


def _weigh_parts(word: str, title: str, body: str, norm: float, corpus: Corpus) -> float:
    """Weight of the pairs of a longer word that are in the text, when the word itself is not (发工资 -> 工资)."""
    grams = query_grams(word)
    if len(grams) < 2:
        return 0.0
    found = 0.0
    for gram in grams:
        times = body.count(gram) + (gram in title)
        found += _idf(corpus.holding.get(gram, 0), corpus.entries) * times * (1 + _SATURATION) / (times + norm)
    return _IN_PARTS * found / len(grams)


def _idf(holding: int, entries: int) -> float:
    """Inverse document frequency, never negative (Robertson and Zaragoza 2009, with the usual +1)."""
    return math.log(1 + (entries - min(holding, entries) + 0.5) / (holding + 0.5))
