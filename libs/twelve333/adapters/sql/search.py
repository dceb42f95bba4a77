"""Searching a replica: the rows that match, the most promising of them, and one ranking by their texts; the same for every database.

Literal lane first; the spoken lane fills up what is left. Bigrams alone are exact for two characters; for more, a text may hold all
pairs apart, so every candidate is checked against the words as typed before it counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

from sqlalchemy import Connection

from ...core.library import bits
from ...core.library.articles import Quote, opening, quote
from ...core.library.choosing import chosen, literal_planes, narrowed, spoken_planes, with_all
from ...core.library.model import Entry, EntryKind
from ...core.library.ranking import Corpus, Telling, boost, echo, telling, weigh
from ...core.library.rules import in_force
from ...core.library.search import Plan
from .library import Held
from .library_shelf import ReadText, Shelf, View

CANDIDATES_MIN: Final = 80
Groups = tuple[tuple[Telling, ...], ...]
WIDER: Final = 5  # times as many are read where too few hold the words as typed


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to search for besides the words.

    Args:
        day: on which an entry must be in force.
        region: the caller's unit code, empty if not known.
        any_time: also entries not in force on `day`.
        kind, topic: only these, if given.
        limit: hits wanted.
    """

    day: date
    region: str = ""
    any_time: bool = False
    kind: EntryKind | None = None
    topic: str = ""
    limit: int = 10


@dataclass(frozen=True, slots=True)
class LocalQuote:
    """What is quoted of a supplement in which words were found."""

    supplement_id: str
    quote: Quote


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit; `literal` tells the lane. `quote` is of the entry's own text, `local` of the province's words beside it."""

    held: Held
    entry: Entry
    quote: Quote
    literal: bool
    score: float
    in_force: bool
    local: tuple[LocalQuote, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, and how many entries hold the words in all."""

    hits: tuple[Hit, ...]
    total: int


def search(tx: Connection, shelf: Shelf, plan: Plan, wanted: Wanted) -> Found:
    """Run a planned search on one connection.

    Args:
        tx: sees the replica as it is.
        shelf: what this process knows of it.
        plan: both lanes.
        wanted: what narrows and orders.
    """
    view = shelf.look(tx)
    corpus = view.corpus((*plan.literal, *plan.spoken))
    allowed = narrowed(view.catalogue, None if wanted.any_time else wanted.day, wanted.kind.value if wanted.kind else "", wanted.topic)
    allowed = view.rows if allowed is None else allowed & view.rows
    named = view.numbered(plan.numbers) & allowed
    found = _by_words(view, plan, wanted, corpus, allowed & ~named)
    if not named:
        return found
    first = view.aside(partial(_by_number, view, view.texts(bits.members(named)), plan, wanted, found.hits))
    return Found(tuple([*first, *found.hits][: wanted.limit]), found.total + len(first))


def _by_number(view: View, named: Sequence[ReadText], plan: Plan, wanted: Wanted, others: Sequence[Hit]) -> list[Hit]:
    """The entries whose document number is in the question, above all `others`."""
    above = max((hit.score for hit in others), default=0.0)
    scored = sorted(
        ((above + boost(one.entry, wanted.region, wanted.day), one) for one in named), key=lambda pair: (-pair[0], pair[1].held.entry_id)
    )
    return [_hit(view, one, round(score, 4), Words({}, {}), plan, wanted, literal=True) for score, one in scored]


def _by_words(view: View, plan: Plan, wanted: Wanted, corpus: Corpus, allowed: int) -> Found:
    """Both lanes."""
    counted, literal = _literal(view, plan, wanted, corpus, allowed)
    terms = tuple((term,) for term in plan.terms)
    hits = view.aside(partial(_rank, view, literal, terms, plan, corpus, wanted, literal=True))
    if len(hits) >= wanted.limit or (literal and len(plan.terms) == 1 and len(plan.terms[0]) <= 2):
        return Found(tuple(hits), counted)
    have = {hit.held.entry_id for hit in hits}
    spoken_counted, spoken = _spoken(view, plan, wanted, corpus, allowed)
    others = [one for one in spoken if one.held.entry_id not in have]
    more = view.aside(partial(_rank, view, others, plan.words, plan, corpus, wanted, literal=False))
    return Found(tuple([*hits, *more][: wanted.limit]), counted or spoken_counted)


def _literal(view: View, plan: Plan, wanted: Wanted, corpus: Corpus, allowed: int) -> tuple[int, list[ReadText]]:
    """The best entries that hold every term as typed, and how many do; where too many are candidates, at most that many."""
    matching = with_all(plan.literal, view.holding) & allowed
    if not matching:
        return 0, []
    counted, size = matching.bit_count(), max(CANDIDATES_MIN, 2 * wanted.limit)
    planes = view.aside(partial(literal_planes, plan, view.catalogue, corpus))
    exact = all(len(term) <= 2 for term in plan.terms)
    for most in (size, WIDER * size):
        read = view.texts(view.aside(partial(chosen, matching, planes, view.catalogue, wanted.region, wanted.day, most)))
        true = read if exact else [one for one in read if all(term in one.text.title or term in one.text.body for term in plan.terms)]
        if len(true) >= wanted.limit or counted <= len(read):
            break
    return (len(true) if counted <= len(read) else counted), true


def _spoken(view: View, plan: Plan, wanted: Wanted, corpus: Corpus, allowed: int) -> tuple[int, list[ReadText]]:
    """The best entries that hold any gram of the question's words, and how many do."""
    matching = 0
    for gram in plan.spoken:
        matching |= view.holding(gram)
    matching &= allowed
    if not matching:
        return 0, []
    size = max(CANDIDATES_MIN, 2 * wanted.limit)

    def promising() -> list[int]:
        planes = spoken_planes(plan, view.catalogue, corpus, view.holding)
        return chosen(matching, planes, view.catalogue, wanted.region, wanted.day, size)

    return matching.bit_count(), view.texts(view.aside(promising))


def _rank(
    view: View,
    candidates: Sequence[ReadText],
    words: tuple[tuple[str, ...], ...],
    plan: Plan,
    corpus: Corpus,
    wanted: Wanted,
    *,
    literal: bool,
) -> list[Hit]:
    """The best candidates in order; equal scores by id, so that the order is the same everywhere."""
    worth = telling(words, corpus)
    grams = view.grams_in([one.row for one in candidates])
    scored: list[tuple[float, ReadText]] = []
    for one in candidates:
        found = weigh(one.text, grams[one.row], worth)
        found += echo(one.text.title, plan.literal, corpus) if found else 0.0
        scored.append((found * boost(one.entry, wanted.region, wanted.day), one))
    scored.sort(key=lambda pair: (-pair[0], pair[1].held.entry_id))
    best = [(score, one) for score, one in scored[: wanted.limit] if score > 0]
    return [_hit(view, one, round(score, 4), Words.of(worth, grams[one.row]), plan, wanted, literal) for score, one in best]


def _hit(view: View, one: ReadText, score: float, words: Words, plan: Plan, wanted: Wanted, literal: bool) -> Hit:
    """A hit with what to quote, of the entry and of each supplement by itself."""
    body = one.entry.body
    told = words.quoted(body, one.text.body[: len(body)], plan)
    if not told.article and all(word in one.text.title for word in told.matched):
        told = replace(told, snippet=opening(body))
    beside = [LocalQuote(each.supplement_id, words.quoted(each.text, each.folded, plan)) for each in view.beside.words_of(one.row)]
    local = tuple(each for each in beside if each.quote.matched)
    return Hit(one.held, one.entry, told, literal, score, in_force(one.entry, wanted.day), local)


@dataclass(frozen=True, slots=True)
class Words:
    """The words that may stand in a text, whole and in parts, as `quote` takes them; what the index says is not there is not looked for."""

    whole: Mapping[str, tuple[int, float]]
    parts: Mapping[str, tuple[int, float]]

    @classmethod
    def of(cls, worth: Groups, grams: Set[str]) -> Words:
        """Those of a text with these grams."""
        words = [(number, word) for number, group in enumerate(worth) for word in group]
        whole = {word.word: (number, word.rarity * len(word.word)) for number, word in words if word.grams <= grams}
        return cls(whole, {gram: (number, rare) for number, word in words for gram, rare in word.pairs.items() if gram in grams})

    def quoted(self, body: str, folded: str, plan: Plan) -> Quote:
        """What to quote of a text; where only parts of words stand in it, these."""
        told = quote(body, folded, self.whole, plan.literal)
        return told if told.matched else quote(body, folded, self.parts, plan.literal)
