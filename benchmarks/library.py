"""How fast a node finds two characters in its library, and how fast it makes its first copy of one."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any, Final, cast

from province_node.library import LibraryPull
from province_node.store import library as store
from twelve333.adapters.library_reading import LibraryReading
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.library.model import Entry
from twelve333.wire.library import content_of

from .copying import Copies, published
from .corpus import entries
from .figure import Figure, rate, rate_and_times
from .measure import Failed, Round, Side, concurrent, interleave, repeated, scaled
from .stores import bare_sqlite

ENTRIES: Final = 3_000
ENTRIES_LEAST: Final = 150
COPIES: Final = 3
WORDS: Final = (
    *("工伤", "工资", "退休", "失业", "档案", "医保", "转移", "仲裁", "合同", "社保"),
    *("加班", "生育", "津贴", "补贴", "养老", "试用", "辞退", "年假", "欠薪", "报销"),
)


async def search_two_char() -> list[Figure]:
    """`library.search_two_char`: count, rank and quote, beside finding the same rows in an FTS5 trigram table.

    Two characters are too few for a trigram, so that peer reads every text (LIKE); it neither ranks nor quotes.
    """
    texts = entries(scaled(ENTRIES, ENTRIES_LEAST))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with published(Path(folder), texts) as copies:
            node = await copies.node()
            await LibraryPull(node).step()
            reading, turn = LibraryReading(node.database, store.tables, node.clock), iter(range(1 << 62))

            async def search() -> None:
                request = pb.SearchRequest(query=WORDS[next(turn) % len(WORDS)], include_not_in_force=True)
                answer = await reading.Search(request, cast("Any", None))
                if not answer.hits:
                    raise Failed(f"nothing found for {request.query}")

            bare = _trigrams(texts)
            taken = await interleave({"search": concurrent(search, 1), "trigram": repeated(lambda number: _scan(bare, number))})
            await node.database.close()
            bare.close()
    return rate_and_times("library.search_two_char", taken["search"], "bare FTS5 trigram, LIKE, unranked", taken["trigram"])


async def first_copy() -> list[Figure]:
    """`library.first_copy_loopback`: entries a second copied, verified, indexed and kept, beside inserting the same bytes."""
    texts = entries(scaled(ENTRIES, ENTRIES_LEAST))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with published(Path(folder), texts) as copies:
            with bare_sqlite(Path(folder) / "bare.db") as bare:
                taken = await interleave({"copy": _copying(copies, len(texts)), "insert": _inserting(bare, texts)}, COPIES)
    return [rate("library.first_copy_loopback", taken["copy"], "bare SQLite insert, one commit", taken["insert"])]


def _copying(copies: Copies, count: int) -> Side:
    async def side() -> Round:
        node = await copies.node()
        started = perf_counter()
        if not await LibraryPull(node).step():
            raise Failed("nothing was copied")
        seconds = perf_counter() - started
        await node.database.close()
        return Round(count, seconds, [seconds])

    return side


def _inserting(bare: sqlite3.Connection, texts: list[Entry]) -> Side:
    rows = [(content_of(one),) for one in texts]

    async def side() -> Round:
        started = perf_counter()
        bare.execute("BEGIN")
        bare.executemany("INSERT INTO bare (data) VALUES (?)", rows)
        bare.execute("COMMIT")
        seconds = perf_counter() - started
        return Round(len(rows), seconds, [seconds])

    return side


def _trigrams(texts: list[Entry]) -> sqlite3.Connection:
    bare = sqlite3.connect(":memory:", check_same_thread=False)
    bare.execute("CREATE VIRTUAL TABLE bare USING fts5(title, body, tokenize='trigram')")
    bare.executemany("INSERT INTO bare (title, body) VALUES (?, ?)", [(one.title, one.body) for one in texts])
    return bare


def _scan(bare: sqlite3.Connection, number: int) -> None:
    word = f"%{WORDS[number % len(WORDS)]}%"
    if not bare.execute("SELECT rowid FROM bare WHERE title LIKE ? OR body LIKE ?", (word, word)).fetchall():
        raise Failed(f"nothing found for {word}")
