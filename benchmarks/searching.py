"""How well and how fast the library is searched: recall, spoken questions, speed, growth, labelled answers.

Ours and the peers search the same 15,000 made-up entries (33.6 million characters): FTS5 of SQLite with trigrams, and PostgreSQL with the
same bigrams under GIN ranked by `ts_rank`. Ours counts, ranks, quotes and cites the first ten; the peers only name the first twenty.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from functools import partial
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Final

from sqlalchemy import Connection, MetaData, text

from twelve333.adapters.runner import settle_in
from twelve333.adapters.segmenter import words
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.sql.library_tables import LibraryTables, create_index, library_tables
from twelve333.adapters.sql.search import Found, Wanted, search
from twelve333.core.library import bits
from twelve333.core.library.model import Change, Entry, EntryKind
from twelve333.core.library.search import Plan, fold, plan, query_grams
from twelve333.data.resources import lexicon
from twelve333.wire.library import content_of

from .answers import HELD_OUT, answered, articles, questions, statutes
from .corpus import entries as sample
from .figure import MICROSECONDS, SHARE, Figure, Measured, figure, middle
from .large import ENTRIES, large
from .measure import Round, Side, interleave, percentile, repeated, scaled
from .postgres import databases

DAY: Final = date(2026, 3, 30)
PIECE: Final = 100  # entries of one transaction
WORDS: Final = (
    *("工伤", "工资", "退休", "失业", "档案", "医保", "转移", "仲裁", "合同", "社保"),
    *("加班", "生育", "津贴", "补贴", "养老", "试用", "辞退", "年假", "欠薪", "报销"),
)
SPOKEN: Final = (
    *("我在外地打工老板不发工资怎么办", "社保断了三个月怎么补", "失业金怎么领", "上班路上被车撞了算工伤吗", "档案在外省怎么转回来"),
    *("自己辞职还能领失业金吗", "怀孕了公司要辞退我合法吗", "没签合同能要双倍工资吗", "包工头跑了工钱找谁要", "换省工作养老保险怎么转过去"),
    *("外地急诊没备案能报吗", "社保卡丢了怎么办", "产假能休多少天", "退休年龄到了没缴够年限怎么办", "公司不给交社保去哪投诉"),
    *("加班费按几倍算", "工伤评了九级能拿多少钱", "送外卖受伤谁管", "离职了单位不给离职证明", "人去世了养老保险账户的钱怎么办"),
)


class Library:
    """A filled replica and what searches it."""

    def __init__(self, database: Database, tables: LibraryTables) -> None:
        self.database, self.tables, self.shelf = database, tables, Shelf(tables)

    async def search(self, query: str, kind: EntryKind | None = None, *, any_time: bool = False) -> Found:
        """As a node does it, from the question to what is quoted."""
        planned = plan(query, words, lexicon())
        assert isinstance(planned, Plan)
        wanted = Wanted(DAY, "350100", any_time=any_time, kind=kind)
        return await self.database.read(lambda tx: search(tx, self.shelf, planned, wanted))

    async def put(self, entries: Sequence[Entry], version: int) -> None:
        """Write entries, a transaction for each piece."""
        for start in range(0, len(entries), PIECE):
            changes = [Change(one.id, version, version, content=content_of(one)) for one in entries[start : start + PIECE]]
            await self.database.write(partial(replica.apply, tables=self.tables, changes=changes))

    def asking(self, queries: Sequence[str]) -> Side:
        """A side that asks one question after the other."""
        turn = cycle(queries)

        async def side() -> Round:
            took, began = list[float](), perf_counter()
            for _ in range(len(queries)):
                started = perf_counter()
                await self.search(next(turn))
                took.append(perf_counter() - started)
            return Round(len(took), perf_counter() - began, took)

        return side


@asynccontextmanager
async def library(url: str, entries: Sequence[Entry]) -> AsyncIterator[Library]:
    """A replica of `entries` in the database at `url`."""
    held = Library(open_database(url), library_tables(MetaData()))

    def create(tx: Connection) -> None:
        held.tables.library_entries.metadata.create_all(tx)
        create_index(tx)

    await held.database.write(create)
    await held.put(entries, 1)
    try:
        yield held
    finally:
        await held.database.close()


async def quality() -> list[Figure]:
    """`library.search_recall`, `.search_spoken_found`: whether all is found that is there, beside FTS5 trigrams."""
    entries = list(large(scaled(ENTRIES, 300)))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder, _trigrams(Path(folder), entries) as bare:
        async with library(f"sqlite:///{folder}/library.db", entries) as held:
            ours, theirs = [await _recall(held, entries, word) for word in WORDS], [_matched(bare, word) for word in WORDS]
            true = [len(_holding(entries, word)) for word in WORDS]
            peer = [found / there for found, there in zip(theirs, true, strict=True)]
            spoken = [float(bool((await held.search(question)).hits)) for question in SPOKEN]
            bare_spoken = [float(_matched(bare, question) > 0) for question in SPOKEN]
    mean = [sum(side) / len(side) for side in (ours, peer, spoken, bare_spoken)]
    trigram = "bare FTS5 trigram, MATCH"
    return [
        figure("library.search_recall", SHARE, middle([mean[0]]), trigram, middle([mean[1]]), 1.0),
        figure("library.search_spoken_found", SHARE, middle([mean[2]]), trigram, middle([mean[3]]), 1.0),
    ]


async def speed() -> list[Figure]:
    """`library.search_words`, `_spoken`, on SQLite, beside FTS5 trigrams."""
    entries = list(large(scaled(ENTRIES, 300)))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder, _trigrams(Path(folder), entries) as bare:
        async with library(f"sqlite:///{folder}/library.db", entries) as held:
            settle_in()  # as a node does
            scan = repeated(lambda number: _scanned(bare, WORDS[number % len(WORDS)]))
            sides = {"words": held.asking(WORDS), "spoken": held.asking(SPOKEN), "scan": scan}
            quiet = await interleave(sides)
    peer = "bare FTS5 trigram, LIKE, unranked"
    scanned = quiet["scan"]
    return [
        *tails("library.search_words", quiet["words"], peer, scanned),
        *tails("library.search_spoken", quiet["spoken"], peer, scanned),
    ]


async def on_postgresql() -> list[Figure]:
    """`library.search_postgresql`: ours on PostgreSQL, beside its own ranking over the same index."""
    entries = list(large(scaled(ENTRIES, 300)))
    async with databases(1) as (url,), library(url, entries) as held:
        turn = cycle(WORDS)

        async def ranked() -> Round:
            took = list[float]()
            for _ in WORDS:
                started, word = perf_counter(), next(turn)
                await held.database.read(partial(_ts_rank, word=word))
                took.append(perf_counter() - started)
            return Round(len(took), sum(took), took)

        taken = await interleave({"ours": held.asking((*WORDS, *SPOKEN)), "rank": ranked})
    return tails("library.search_postgresql", taken["ours"], "PostgreSQL ts_rank over the same GIN, two characters", taken["rank"])


async def growth() -> list[Figure]:
    """`library.search_growth_4`, `_16`: what a search costs in a library 4 and 16 times as large; the ratio is the growth."""
    largest, rounds = scaled(ENTRIES, 480), dict[int, list[Round]]()
    for times in (1, 4, 16):
        with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
            async with library(f"sqlite:///{folder}/library.db", list(large(largest * times // 16))) as held:
                rounds[times] = (await interleave({"ask": held.asking((*WORDS, *SPOKEN))}, 2))["ask"]
    base = _tail(rounds[1], 0.5)
    return [figure(f"library.search_growth_{times}", MICROSECONDS, _tail(rounds[times], 0.5), "in the smallest", base) for times in (4, 16)]


async def answers() -> list[Figure]:
    """`library.search_answers`, `_statutes`, `_articles`: labelled questions with their answer among the first five, and real texts."""
    real, shares = statutes(), list[Figure]()
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with library(f"sqlite:///{folder}/library.db", [*sample(0), *real]) as held:
            for ending, asked in (("", questions()), ("_held_out", questions(HELD_OUT))):
                for name, of_statutes in (("answers", False), ("statutes", True)):
                    about = [one for one in asked if one.of_statutes is of_statutes]
                    if real or not of_statutes:
                        missed = await answered(about, held.search)
                        shares.append(_share(f"library.search_{name}{ending}", len(about), len(missed)))
    if not real:
        return shares
    cut = articles(real)
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with library(f"sqlite:///{folder}/library.db", cut) as held:
            recall = [await _recall(held, cut, word) for word in WORDS]
            times = await interleave({"ask": held.asking((*WORDS, *SPOKEN))}, 2)
    name, rows = "library.search_articles", middle([sum(recall) / len(recall)])
    return [
        *shares,
        figure(f"{name}_recall", SHARE, rows, "literal substring", middle([1.0]), 1.0),
        figure(f"{name}_p95", MICROSECONDS, _tail(times["ask"], 0.95), "its median", _tail(times["ask"], 0.5)),
    ]


async def _recall(held: Library, entries: Sequence[Entry], word: str) -> float:
    """The share of the entries with the word that are found; a search that finds others too has none."""

    def rows(tx: Connection) -> set[str]:
        view = held.shelf.look(tx)
        view.corpus(query_grams(word))
        return {view.catalogue.ids[row] for row in bits.members(view.holding(word))}

    found, there = await held.database.read(rows), _holding(entries, word)
    counted = (await held.search(word, any_time=True)).total
    return len(found & there) / len(there) if there and found <= there and counted == len(there) else float(not there)


def _holding(entries: Sequence[Entry], word: str) -> set[str]:
    return {one.id for one in entries if word in one.title or word in fold(one.body)}


def _share(name: str, asked: int, missed: int) -> Figure:
    return figure(name, SHARE, middle([(asked - missed) / asked]), f"all of {asked} labelled questions", middle([1.0]))


@contextmanager
def _trigrams(folder: Path, entries: Sequence[Entry]) -> Iterator[sqlite3.Connection]:
    """The same entries in an FTS5 table of trigrams, in a file."""
    bare = sqlite3.connect(folder / "trigram.db", check_same_thread=False)
    bare.execute("CREATE VIRTUAL TABLE bare USING fts5(title, body, tokenize='trigram')")
    bare.executemany("INSERT INTO bare (title, body) VALUES (?, ?)", [(one.title, one.body) for one in entries])
    bare.commit()
    try:
        yield bare
    finally:
        bare.close()


def _matched(bare: sqlite3.Connection, words: str) -> int:
    (count,) = bare.execute("SELECT count(*) FROM bare WHERE bare MATCH ?", (f'"{words}"',)).fetchone()
    return int(count)


def _scanned(bare: sqlite3.Connection, word: str) -> object:
    return bare.execute("SELECT rowid FROM bare WHERE title LIKE ?1 OR body LIKE ?1 LIMIT 20", (f"%{word}%",)).fetchall()


def _ts_rank(tx: Connection, word: str) -> object:
    query = "SELECT row_id FROM library_index WHERE grams @@ CAST(:q AS tsquery) ORDER BY ts_rank(grams, CAST(:q AS tsquery)) DESC LIMIT 20"
    return tx.execute(text(query), {"q": f"'{word}'"}).all()


def tails(
    name: str, ours: Sequence[Round], peer: str, theirs: Sequence[Round], p95: float | None = None, p99: float | None = None
) -> list[Figure]:
    """`_p50`, `_p95` and `_p99` of single searches, over those of all rounds."""
    shares = (("p50", 0.5, None), ("p95", 0.95, p95), ("p99", 0.99, p99))
    return [
        figure(f"{name}_{ending}", MICROSECONDS, _tail(ours, share), peer, _tail(theirs, share), limit) for ending, share, limit in shares
    ]


def _tail(side: Sequence[Round], share: float) -> Measured:
    pooled = [took for one in side for took in one.times]
    return Measured(percentile(pooled, share) * 1e6, [percentile(one.times, share) * 1e6 for one in side])
