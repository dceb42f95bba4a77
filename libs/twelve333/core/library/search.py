"""How a question becomes a search: two lanes over one index of character bigrams.

Literal lane: every run of characters as typed must be in the text; bigrams find every two-character word (工伤), where word
segmenters and trigrams lose some or all. Spoken lane: the words of a question minus stop words, with synonyms, any of them. The
segmenter is passed in; stop words and synonyms are data.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from ..decision import Refusal, refuse
from . import codes
from .document_numbers import document_numbers
from .model import Entry

QUERY_CHARS_MAX: Final = 200
SPOKEN_GRAMS_MAX: Final = 128
Segmenter = Callable[[str], Iterable[str]]

_RUN, _BETWEEN = re.compile(r"[^\W_]+"), re.compile(r"[\W_]+")
_CHINESE_PAIR = re.compile("[\u4e00-\u9fff]{2}")
_CODES: Final = f"utf-32-{sys.byteorder[0]}e"  # a character is one number of an array
_WIDE = re.compile("[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u0130]")
_HALF_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x130: 0x69}


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What the spoken lane knows of the language: phrases that mean the same, words that say nothing, and the edition of both."""

    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stop_words: frozenset[str] = frozenset()
    version: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A planned search.

    Args:
        terms: runs of the query, all of which the literal lane wants in the text.
        literal: grams that every such text has; a gram of one character is a prefix.
        words: what the spoken lane looks for: per word of the question, the word and what means the same.
        spoken: grams any of which the spoken lane wants.
        numbers: of documents that the question may name.
    """

    terms: tuple[str, ...]
    literal: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]
    spoken: tuple[str, ...]
    numbers: tuple[str, ...] = ()


def searched_text(entry: Entry) -> str:
    """What an entry is found by: its title and text."""
    return f"{entry.title}\n{entry.body}"


def fold(text: str) -> str:
    """`text` as it is compared: letters and digits half-width, lower case; same length, so that positions hold."""
    wide = text.translate(_HALF_WIDTH) if _WIDE.search(text) else text  # looking first is ten times faster on usual text
    return wide.lower()


def runs(text: str) -> list[str]:
    """Runs of letters, digits and characters in folded text; punctuation and spaces part them."""
    return _RUN.findall(text)


def index_grams(text: str) -> list[str]:
    """The distinct grams of a text to index: every two neighbours in a run, and the last character of each run.

    The single last character makes a search for one character a search for grams that begin with it.
    """
    found: dict[str, None] = {}
    for run in runs(fold(text)):
        found.update(dict.fromkeys(map("".join, pairwise(run))))
        found[run[-1]] = None
    return list(found)


def index_text(text: str) -> str:
    """The grams of `index_grams` as an index reads them: with a space between, in the order of the text, some more than once.

    The pairs are laid out as numbers, three a pair: some five times as fast as making them one by one and each once.
    """
    runs = array("I", f"  {_BETWEEN.sub(' ', fold(text)).strip()} ".encode(_CODES))
    laid = array("I", [ord(" ")]) * (3 * len(runs))
    laid[0::3] = runs
    laid[1 : 3 * len(runs) - 2 : 3] = runs[1:]
    # Where a run begins there are three spaces, then its first character alone, which is no gram.
    return " ".join([run[2:] for run in laid.tobytes().decode(_CODES).split("   ")[1:]]).strip()


def query_grams(term: str) -> list[str]:
    """The grams of a run of a query: its neighbours in pairs, or itself if it is a single character."""
    return [term] if len(term) == 1 else [term[i : i + 2] for i in range(len(term) - 1)]


def plan(query: str, segment: Segmenter, lexicon: Lexicon) -> Plan | Refusal:
    """Plan both lanes for a query.

    Args:
        query: as typed or spoken, 1 to `QUERY_CHARS_MAX` characters.
        segment: cuts Chinese text into words.
        lexicon: synonyms and stop words.
    """
    if len(query) > QUERY_CHARS_MAX:
        return refuse(codes.QUERY_TOO_LONG, limit=QUERY_CHARS_MAX)
    folded = fold(query)
    terms = tuple(dict.fromkeys(runs(folded)))
    if not terms:
        return refuse(codes.QUERY_EMPTY)
    words = _words(terms, folded, segment, lexicon)
    spoken = dict.fromkeys(gram for group in words for word in group for gram in query_grams(word))
    literal = dict.fromkeys(gram for term in terms for gram in query_grams(term))
    return Plan(terms, tuple(literal), words, tuple(spoken)[:SPOKEN_GRAMS_MAX], document_numbers(query))


def by_pairs(planned: Plan, lexicon: Lexicon) -> Plan:
    """The search for a question of which no word is anywhere, as where a character was mistyped (社宝卡丢了): any two neighbouring Chinese
    characters of it will do, unless they are of a word that says nothing."""
    pairs = [gram for gram in planned.literal if _CHINESE_PAIR.fullmatch(gram) and not any(gram in word for word in lexicon.stop_words)]
    return replace(planned, words=tuple((gram,) for gram in pairs), spoken=tuple(pairs)[:SPOKEN_GRAMS_MAX])


def _words(terms: tuple[str, ...], folded: str, segment: Segmenter, lexicon: Lexicon) -> tuple[tuple[str, ...], ...]:
    """The words that carry the question, each with its synonyms; phrases of the lexicon first, wherever they stand."""
    groups: dict[str, tuple[str, ...]] = {}
    for phrase in sorted(lexicon.synonyms, key=len, reverse=True):
        if phrase in folded and not any(phrase in known for known in groups):
            groups[phrase] = (phrase, *lexicon.synonyms[phrase])
    cut = [word for term in terms for word in segment(term) if runs(word)]
    telling = [word for word in cut if word not in lexicon.stop_words]
    plain = [word for word in telling if len(word) > 1] or ([] if groups else telling or cut)
    for word in plain:
        if not any(word in phrase for phrase in groups):
            groups[word] = (word,)
    return tuple(groups.values())
