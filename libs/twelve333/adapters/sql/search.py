"""Searching a replica: candidates from the index of the database, then one ranking for all (core), so that back ends agree.

Literal lane first; the spoken lane fills up what is left. Bigrams alone are exact for two characters; for more, a text may hold all
pairs apart, so every candidate is checked against the words as typed before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, text

from ...core.ids import province_of
from ...core.library.articles import Quote, quote
from ...core.library.model import NATIONAL, Entry, EntryKind
from ...core.library.ranking import Corpus, boost, weigh
from ...core.library.rules import in_force
from ...core.library.search import Plan, fold, query_grams
from .library import Held, decoded

CANDIDATES_MIN: Final = 100


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
class Hit:
    """One hit; `literal` tells the lane."""

    held: Held
    entry: Entry
    quote: Quote
    literal: bool
    score: float
    in_force: bool


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, and how many entries hold the words in all."""

    hits: tuple[Hit, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    held: Held
    entry: Entry


def search(tx: Connection, plan: Plan, wanted: Wanted) -> Found:
    """Run a planned search on one connection."""
    size = max(CANDIDATES_MIN, 2 * wanted.limit)
    counted, literal = _literal(tx, plan, wanted, size)
    corpus = _corpus(tx, (*plan.literal, *plan.spoken))
    hits = _rank(literal, tuple((term,) for term in plan.terms), corpus, wanted, literal=True)[: wanted.limit]
    if len(hits) >= wanted.limit or (literal and len(plan.terms) == 1 and len(plan.terms[0]) <= 2):
        return Found(tuple(hits), counted)
    have = {hit.held.entry_id for hit in hits}
    spoken_counted, spoken = _candidates(tx, _any_of(tx, plan.spoken), wanted, size)
    more = _rank([c for c in spoken if c.held.entry_id not in have], plan.words, corpus, wanted, literal=False)
    return Found(tuple([*hits, *more][: wanted.limit]), counted or spoken_counted)


def _literal(tx: Connection, plan: Plan, wanted: Wanted, size: int) -> tuple[int, list[_Candidate]]:
    """Entries that hold every term as typed, and how many there are."""
    counted, candidates = _candidates(tx, _all_of(tx, plan.literal), wanted, size)
    if all(len(term) <= 2 for term in plan.terms):
        return counted, candidates
    true = [c for c in candidates if _holds(c.entry, plan.terms)]
    return (len(true) if counted <= len(candidates) else counted), true


def _holds(entry: Entry, terms: Iterable[str]) -> bool:
    """Whether all terms stand in the title or the text."""
    whole = fold(f"{entry.title}\n{entry.body}")
    return all(term in whole for term in terms)


def _rank(
    candidates: Sequence[_Candidate], words: tuple[tuple[str, ...], ...], corpus: Corpus, wanted: Wanted, *, literal: bool
) -> list[Hit]:
    """Candidates scored and put in order; equal scores by id, so that the order is the same everywhere."""
    scored = [(weigh(c.entry, words, corpus) * boost(c.entry, wanted.region, wanted.day), c) for c in candidates]
    scored.sort(key=lambda pair: (-pair[0], pair[1].held.entry_id))
    flat = [word for group in words for word in group]
    parts = [gram for word in flat for gram in query_grams(word)]
    hits: list[Hit] = []
    for score, c in scored[: wanted.limit]:
        if score > 0:
            told = quote(c.entry.body, flat)
            told = told if told.matched else quote(c.entry.body, parts)
            hits.append(Hit(c.held, c.entry, told, literal, round(score, 4), in_force(c.entry, wanted.day)))
    return hits


def _candidates(tx: Connection, matching: tuple[str, dict[str, Any]], wanted: Wanted, size: int) -> tuple[int, list[_Candidate]]:
    """The most promising entries of those that match, at most `size`, and how many match in all."""
    match, parameters = matching
    if not match:
        return 0, []
    narrow, more = _narrowing(wanted)
    values = parameters | more
    source = f"{match} JOIN library_entries e ON e.row_id = m.row_id {narrow}"
    counted = int(tx.execute(text(f"SELECT count(*) FROM {source}"), values).scalar_one())  # noqa: S608 - built of constants
    near = "CASE WHEN e.region IN (:unit, :province) THEN 0 WHEN e.region = :national THEN 1 ELSE 2 END"
    order = f"ORDER BY {near}, m.weight DESC, e.row_id LIMIT :size" if counted > size else ""
    chosen = f"SELECT e.row_id FROM {source} {order}"  # noqa: S608 - built of constants
    whole = "SELECT e.entry_id, e.version, e.release, c.content FROM library_entries e JOIN library_contents c ON c.row_id = e.row_id"
    rows = tx.execute(text(f"{whole} WHERE e.row_id IN ({chosen})"), values | _nearness(wanted, size) if order else values)
    held = [Held(row.entry_id, row.version, row.release, bytes(row.content)) for row in rows]
    return counted, [_Candidate(h, decoded(h.content)) for h in held]


def _nearness(wanted: Wanted, size: int) -> dict[str, Any]:
    """Values for the order of candidates when there are too many to rank them all."""
    return {
        "unit": wanted.region or NATIONAL,
        "province": province_of(wanted.region) if wanted.region else NATIONAL,
        "national": NATIONAL,
        "size": size,
    }


def _narrowing(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The conditions besides the words."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if not wanted.any_time:
        conditions.append("(e.valid_from IS NULL OR e.valid_from <= :day) AND (e.valid_to IS NULL OR e.valid_to > :day)")
        values["day"] = wanted.day
    if wanted.kind is not None:
        conditions.append("e.kind = :kind")
        values["kind"] = wanted.kind.value
    if wanted.topic:
        conditions.append("e.topics LIKE :topic")
        values["topic"] = f"% {wanted.topic}%"
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), values


def _all_of(tx: Connection, grams: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The rows that hold all grams; a single character is the beginning of a gram."""
    if tx.dialect.name == "sqlite":
        return _sqlite_match(" AND ".join(_fts(gram) for gram in grams))
    return _postgresql_match([" & ".join(_tsq(gram) for gram in grams)])


def _any_of(tx: Connection, grams: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The rows that hold any of the grams, weighted by how rare those are that they hold."""
    if not grams:
        return "", {}
    if tx.dialect.name == "sqlite":
        return _sqlite_match(" OR ".join(_fts(gram) for gram in grams))
    return _postgresql_match([_tsq(gram) for gram in grams])


def _sqlite_match(expression: str) -> tuple[str, dict[str, Any]]:
    """FTS5 ranks by bm25, where less is better."""
    return "(SELECT rowid AS row_id, -rank AS weight FROM library_index WHERE library_index MATCH :match) m", {"match": expression}


def _postgresql_match(queries: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """One index scan a query, weights added up: reading every tsvector to rank it would take far longer."""
    one = (
        "SELECT row_id, ln(1 + (SELECT count(*) FROM library_index)::float / count(*) OVER ()) AS weight "
        "FROM library_index WHERE grams @@ CAST(:q{0} AS tsquery)"
    )
    parts = " UNION ALL ".join(one.format(i) for i in range(len(queries)))
    joined = f"(SELECT row_id, sum(weight) AS weight FROM ({parts}) u GROUP BY row_id) m"  # noqa: S608 - built of constants
    return joined, {f"q{i}": query for i, query in enumerate(queries)}


def _corpus(tx: Connection, grams: Iterable[str]) -> Corpus:
    """How many entries there are, and how many hold each gram."""
    distinct = list(dict.fromkeys(gram for gram in grams if len(gram) > 1))
    entries = int(tx.execute(text("SELECT count(*) FROM library_entries")).scalar_one())
    if not distinct:
        return Corpus(entries, {})
    names = [f"g{i}" for i in range(len(distinct))]
    if tx.dialect.name == "sqlite":
        listed = ", ".join(f":{name}" for name in names)
        rows = tx.execute(
            text(f"SELECT term, doc FROM library_index_terms WHERE term IN ({listed})"),  # noqa: S608 - names of parameters only
            dict(zip(names, distinct, strict=True)),
        )
        return Corpus(entries, {row.term: row.doc for row in rows})
    one = "SELECT {0}, count(*) FROM library_index WHERE grams @@ CAST(:g{0} AS tsquery)"
    counts = " UNION ALL ".join(one.format(i) for i in range(len(names)))
    rows = tx.execute(text(counts), {name: _tsq(gram) for name, gram in zip(names, distinct, strict=True)})
    return Corpus(entries, {distinct[row[0]]: int(row[1]) for row in rows})


def _fts(gram: str) -> str:
    """A gram in the language of FTS5; a gram has letters and digits only."""
    return f'"{gram}"*' if len(gram) == 1 else f'"{gram}"'


def _tsq(gram: str) -> str:
    """A gram as a tsquery, taken as it is."""
    return f"'{gram}':*" if len(gram) == 1 else f"'{gram}'"
