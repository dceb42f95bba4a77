"""Which hit comes first: weight of the words found, then in force, then whose rule it is, then how directly it answers.

The same scoring runs over the candidates of every back end, so that SQLite and PostgreSQL give the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date
from typing import Final

from ..ids import is_within, parent_of, province_of
from .model import NATIONAL, Entry, EntryKind
from .rules import in_force
from .search import query_grams

USUAL_CHARS: Final = 600
LONG_CHARS: Final = 4_800  # a statute is not less to the point for being longer still: one article of it answers
COUNTED_CHARS: Final = 16_000  # how often a word stands beyond them changes nothing any more
COUNTED_WORDS: Final = 64  # of one text, remembered
_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.4
IN_PARTS: Final = 0.35
TITLE: Final = 1.0
NOT_IN_FORCE: Final = 0.5
_KIND: Final = {EntryKind.QA: 1.25, EntryKind.GUIDE: 1.2, EntryKind.CASE: 1.05, EntryKind.POLICY: 1.0}
_ECHO: Final = 0.6
_NEAREST, _SAME_PROVINCE, _NATIONAL, _SISTER_UNIT, _ELSEWHERE = 1.4, 1.3, 1.15, 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the index knows of all texts: how many there are, and how many hold each gram."""

    entries: int
    holding: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Telling:
    """A word that is looked for.

    Args:
        word: folded.
        rarity: of its rarest gram.
        grams: every one of which a text with the word has.
        pairs: rarity of each, if there is more than one.
        length: how many grams it has.
    """

    word: str
    rarity: float
    grams: frozenset[str]
    pairs: Mapping[str, float]
    length: int


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
    return (1.0 if in_force(entry, day) else NOT_IN_FORCE) * region_weight(entry.region, caller) * _KIND.get(entry.kind, 1.0)


def telling(words: Iterable[Iterable[str]], corpus: Corpus) -> tuple[tuple[Telling, ...], ...]:
    """What each word of a search is worth; once for all texts that it is looked for in."""
    return tuple(tuple(_telling(word, word_rarity(group[0], corpus), corpus) for word in group) for group in map(tuple, words))


def _telling(word: str, most: float, corpus: Corpus) -> Telling:
    """A word, worth no more than `most`: a synonym says no more than what was asked."""
    grams = query_grams(word)
    pairs = {gram: min(most, rarity(corpus.holding.get(gram, 0), corpus.entries)) for gram in grams}
    return Telling(word, max(pairs.values(), default=0.0), frozenset(grams), pairs if len(grams) > 1 else {}, len(grams))


def word_rarity(word: str, corpus: Corpus) -> float:
    """How much a word says: how many texts hold it is not known, but no more than hold its rarest pair."""
    return rarity(min((corpus.holding.get(gram, 0) for gram in query_grams(word)), default=0), corpus.entries)


def echo(title: str, grams: Iterable[str], corpus: Corpus) -> float:
    """Weight of the pairs of a question, whatever they mean, that stand in a folded title: titles of answers are questions."""
    return _ECHO * sum(rarity(corpus.holding.get(gram, 0), corpus.entries) for gram in grams if len(gram) > 1 and gram in title)


class Text:
    """A text that is ranked: title and body folded, and how often words stand in it that were asked for before.

    Callers ask for the same words again and again, and counting them is a third of a search.
    """

    __slots__ = ("_counted", "body", "norm", "title")

    def __init__(self, title: str, body: str) -> None:
        self.title, self.body = title, body
        self.norm = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * min(len(body), LONG_CHARS) / USUAL_CHARS)
        self._counted: dict[str, int] = {}

    def frequency(self, word: str) -> int:
        """How often `word` stands in the first `COUNTED_CHARS`; 1 if it stands only later."""
        known = self._counted.get(word)
        if known is None:
            if len(self._counted) == COUNTED_WORDS:
                self._counted.clear()
            known = self._counted[word] = self.body.count(word, 0, COUNTED_CHARS) or word in self.body
        return known


def weigh(text: Text, grams: Set[str], words: tuple[tuple[Telling, ...], ...]) -> float:
    """Weight of the words found in a text, 0 if none; a word counts once, by the best of itself and its synonyms.

    Args:
        text: to weigh.
        grams: those of the words that the text holds, as the index knows.
        words: looked for.
    """
    return sum([_weigh_group(group, text, grams) for group in words])


def _weigh_group(group: tuple[Telling, ...], text: Text, grams: Set[str]) -> float:
    """The best of a word and its synonyms; parts are looked at only where they could be better than what stands there whole."""
    best, once = 0.0, (1 + _SATURATION) / (1 + text.norm)
    for word in group:
        if word.grams <= grams:
            best = max(best, _whole(word, text))
    for word in group:
        if word.pairs and IN_PARTS * word.rarity * once > best:
            found = sum([rare for gram, rare in word.pairs.items() if gram in grams])
            best = max(best, IN_PARTS * found * once / word.length)
    return best


def _whole(word: Telling, text: Text) -> float:
    """BM25 weight of a word that stands in the text as it is, doubled in the title; 0 if only its pairs do, apart."""
    frequency, in_title = text.frequency(word.word), word.word in text.title
    if not frequency and not in_title:
        return 0.0
    frequency += in_title
    heading = TITLE * in_title * (1 + len(word.word) / max(1, len(text.title)))  # a title that says little else is about it
    return word.rarity * (frequency * (1 + _SATURATION) / (frequency + text.norm) + heading)


def rarity(holding: int, entries: int) -> float:
    """How much a word says that so many of all entries hold: inverse document frequency, never negative.

    Source: Robertson and Zaragoza 2009, with the usual +1.
    """
    return math.log(1 + (entries - min(holding, entries) + 0.5) / (holding + 0.5))
