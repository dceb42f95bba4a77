"""Entries of a replica that are like a text: a few rare pairs of characters asked of the search index, then measured exactly.

Nothing is kept for it beside the index that searches use, so there is nothing to keep up to date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select, text

from ...core.library.likeness import Alike, nearest, probes
from ...core.library.search import index_grams, searched_text
from . import library_waiting as waiting
from .library import Held, decoded
from .library_tables import LibraryTables

COUNTED_MOST: Final = 256  # grams whose number of entries is looked up; of a longer text, spread over all of it
MEASURED_MOST: Final = 16  # candidates that are read and measured


def alike(tx: Connection, tables: LibraryTables, title: str, body: str, *, leave_out: str = "") -> list[tuple[Alike, Held]]:
    """The entries most like a text, most alike first; empty if none is.

    Args:
        title, body: the text.
        leave_out: an entry that is not meant, such as the one that is going to be changed.
    """
    grams, texts = index_grams(f"{title}\n{body}"), waiting.texts_of(tx, tables, waiting.rows_of(tx, tables))
    asked = probes(grams, _counts(tx, grams[:: 1 + len(grams) // COUNTED_MOST], texts))
    rows = _candidates(tx, asked, texts)
    e, c = tables.library_entries.c, tables.library_contents.c
    query = select(e.entry_id, e.version, e.release, c.content).where(e.row_id == c.row_id, e.row_id.in_(rows))
    found = [Held(row.entry_id, row.version, row.release, bytes(row.content)) for row in tx.execute(query)]
    held = {each.entry_id: each for each in found if each.entry_id != leave_out}
    measured = nearest(grams, {entry_id: _grams(each) for entry_id, each in held.items()})
    return [(each, held[each.entry_id]) for each in measured]


def _grams(held: Held) -> list[str]:
    return index_grams(searched_text(decoded(held.content)))


def _candidates(tx: Connection, asked: Sequence[str], texts: Mapping[int, str]) -> list[int]:
    """The rows that hold most of the grams asked for; counted by the database, for a gram may stand in thousands of entries.

    Args:
        texts: of the rows that are not in the index yet.
    """
    if not asked:
        return []
    if tx.dialect.name == "sqlite":
        one, quoted = "SELECT rowid AS row_id FROM library_index WHERE library_index MATCH :{0}", '"{0}"'
    else:
        one, quoted = "SELECT row_id FROM library_index WHERE grams @@ CAST(:{0} AS tsquery)", "'{0}'"
    names = [f"g{i}" for i in range(len(asked))]
    each = " UNION ALL ".join(one.format(name) for name in names)
    most = "GROUP BY row_id HAVING count(*) >= :least ORDER BY count(*) DESC, row_id LIMIT :most"
    query = text(f"SELECT row_id, count(*) AS held FROM ({each}) found {most}")  # noqa: S608 - built of constants
    values, least = {name: quoted.format(gram) for name, gram in zip(names, asked, strict=True)}, 1 + len(asked) // 8
    found = {row.row_id: row.held for row in tx.execute(query, {**values, "least": least, "most": MEASURED_MOST})}
    found |= {row: held for row, text in texts.items() if (held := sum(gram in text for gram in asked)) >= least}
    return sorted(found, key=lambda row: (-found[row], row))[:MEASURED_MOST]


def _counts(tx: Connection, grams: Sequence[str], texts: Mapping[int, str]) -> Mapping[str, int]:
    """How many entries hold each of the grams, in the index or in `texts`; those that none holds may be missing."""
    indexed = _indexed(tx, grams)
    beside = {gram: len(waiting.holding(texts, gram)) for gram in grams} if texts else {}
    return {gram: indexed.get(gram, 0) + beside.get(gram, 0) for gram in indexed.keys() | beside.keys()}


def _indexed(tx: Connection, grams: Sequence[str]) -> dict[str, int]:
    """How many rows of the index hold each of the grams; those that none holds may be missing."""
    names = {f"g{i}": gram for i, gram in enumerate(grams) if len(gram) > 1}
    if not names:
        return {}
    if tx.dialect.name == "sqlite":
        listed = ", ".join(f":{name}" for name in names)
        query = f"SELECT term, doc FROM library_index_terms WHERE term IN ({listed})"  # noqa: S608 - names of parameters only
        return {row.term: row.doc for row in tx.execute(text(query), names)}
    one = "SELECT '{0}' AS name, count(*) AS doc FROM library_index WHERE grams @@ CAST(:{0} AS tsquery)"
    query = " UNION ALL ".join(one.format(name) for name in names)
    rows = tx.execute(text(query), {name: f"'{gram}'" for name, gram in names.items()})
    return {names[row.name]: row.doc for row in rows}
