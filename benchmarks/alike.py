"""How fast what is like a proposed text is found among a library, before a reviewer sees it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from province_node.store import library, metadata
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library_tables import create_index
from twelve333.adapters.sql.likeness import alike
from twelve333.core.library.likeness import nearest
from twelve333.core.library.model import Change, Entry
from twelve333.core.library.search import index_grams
from twelve333.wire.library import content_of

from .directories import SEED
from .figure import Figure, rate_and_times
from .large import large
from .measure import Failed, concurrent, interleave, repeated, scaled

ENTRIES: Final = 3_000
ENTRIES_LEAST: Final = 200
KEPT: Final = 0.7  # of the sentences of an entry; the rest are another's


async def alike_entries() -> list[Figure]:
    """`library.alike`: the entry that a text was made from, found among all; beside measuring every entry, grams ready in memory."""
    texts = list(large(scaled(ENTRIES, ENTRIES_LEAST)))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'node.db'}")
        await _fill(database, texts)
        grams = {entry.id: frozenset(index_grams(f"{entry.title}\n{entry.body}")) for entry in texts}
        ours, theirs = _proposed(texts), _proposed(texts)

        async def find() -> None:
            entry_id, body = next(ours)
            found = await database.read(lambda tx: alike(tx, library.tables, "", body))
            if not found or found[0][0].entry_id != entry_id:
                raise Failed(f"{entry_id} was not found first")

        def measure_all(_number: int) -> None:
            entry_id, body = next(theirs)
            if nearest(index_grams(body), grams)[0].entry_id != entry_id:
                raise Failed(f"{entry_id} is not the most alike")

        taken = await interleave({"alike": concurrent(find, 1), "all": repeated(measure_all)})
        await database.close()
    return rate_and_times("library.alike", taken["alike"], "every entry measured, in memory", taken["all"])


async def _fill(database: Database, texts: list[Entry]) -> None:
    await database.write(metadata.create_all)
    await database.write(create_index)
    for start in range(0, len(texts), 500):
        changes = [Change(entry.id, 1, 1, content=content_of(entry)) for entry in texts[start : start + 500]]
        await database.write(lambda tx, some=changes: replica.apply(tx, library.tables, some))  # type: ignore[misc]


def _proposed(texts: list[Entry]) -> Iterator[tuple[str, str]]:
    """Texts made from entries, with the id of each, for ever."""
    chance = Random(SEED)
    while True:
        entry, other = chance.choice(texts), chance.choice(texts).body.split("。")
        yield entry.id, "。".join(one if chance.random() < KEPT else chance.choice(other) for one in entry.body.split("。"))
