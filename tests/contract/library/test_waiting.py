"""Texts that the search index has not taken in yet are found as if it had, and go into it, or away, without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial

import rjieba
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from twelve333.adapters.sql import Database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_staging as written
from twelve333.adapters.sql import library_waiting as waiting
from twelve333.adapters.sql.library_check import index_sums, seen_after
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.sql.library_staging import StagingTables
from twelve333.adapters.sql.library_tables import LibraryTables
from twelve333.adapters.sql.likeness import alike
from twelve333.adapters.sql.search import Wanted, search
from twelve333.core.library.model import Change, Entry, EntryKind, Tombstone, TombstoneReason
from twelve333.core.library.search import Plan, plan
from twelve333.data.resources import lexicon
from twelve333.wire.library import content_of

TODAY, NOW = date(2026, 3, 30), datetime(2026, 3, 30, tzinfo=UTC)
QUESTIONS = ("工伤", "工", "定", "工伤认定 12", "Ａ１", "怎么领失业金")
WORDS = st.lists(st.sampled_from(["工伤", "认定", "失业金", "，", "\n", "12", "Ａ１", "a", "怎么领", " "]), min_size=1, max_size=6).map(
    "".join
)
GONE = Tombstone(TombstoneReason.WITHDRAWN)


def _change(name: str, version: int, text: str, title: str = "题") -> Change:
    return Change(name, version, version, content=content_of(Entry(name, EntryKind.QA, title, text, ("04",))))


def _show(tx: Connection, tables: LibraryTables, staging: StagingTables, changes: Sequence[Change]) -> None:
    """Put changes in use that wait for the index."""
    written.stage(tx, tables, staging, changes, replica.ready_of(changes, indexed=False))
    written.show(tx, tables, staging, NOW)


def _told(tx: Connection, tables: LibraryTables) -> list[object]:
    """What a process that knows nothing yet is told."""
    answers = []
    for question in QUESTIONS:
        planned = plan(question, rjieba.cut, lexicon())
        assert isinstance(planned, Plan)
        found = search(tx, Shelf(tables), planned, Wanted(TODAY))
        answers.append((found.total, [(hit.held.entry_id, hit.score, hit.literal, hit.quote) for hit in found.hits]))
    return list(answers)


def _tidy(tx: Connection, tables: LibraryTables, staging: StagingTables) -> None:
    while replica.index_waiting(tx, tables, 2) or written.sweep(tx, tables, staging, 2):
        pass


def _index_is_right(tx: Connection, tables: LibraryTables) -> bool:
    """Whether the index holds exactly the texts in use."""
    return index_sums(tx) == {one.row_id: one.grams for one in seen_after(tx, tables, 0, 1000)}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, min_size=2, max_size=6), st.lists(WORDS, min_size=1, max_size=4))
async def test_what_waits_for_the_index_is_found_as_if_it_were_in_it(
    database: Database, tables: LibraryTables, staging: StagingTables, old: list[str], new: list[str]
) -> None:
    def work(tx: Connection) -> None:
        gone = [Change(name, 9, 9, tombstone=GONE) for name in replica.leaves(tx, tables)]
        replica.apply(tx, tables, [*gone, *(_change(f"e{number}", 1, text) for number, text in enumerate(old))])
        _show(tx, tables, staging, [_change(f"e{number + 1}", 2, text) for number, text in enumerate(new)])
        waited = _told(tx, tables)
        assert waiting.rows_of(tx, tables)
        _tidy(tx, tables, staging)
        assert waited == _told(tx, tables)
        assert (waiting.rows_of(tx, tables), _index_is_right(tx, tables)) == ([], True)

    await database.write(work)


async def test_what_is_replaced_before_it_was_indexed_leaves_no_trace(
    database: Database, tables: LibraryTables, staging: StagingTables
) -> None:
    def work(tx: Connection) -> None:
        _show(tx, tables, staging, [_change("a", 1, "工伤认定"), _change("b", 1, "失业金")])
        _show(tx, tables, staging, [_change("a", 2, "怎么领失业金"), Change("b", 2, 2, tombstone=GONE)])
        while written.sweep(tx, tables, staging):
            pass
        assert len(waiting.rows_of(tx, tables)) == 1
        _tidy(tx, tables, staging)
        assert _index_is_right(tx, tables)

    await database.write(work)


async def test_an_index_that_is_made_anew_holds_each_text_once(database: Database, tables: LibraryTables, staging: StagingTables) -> None:
    def work(tx: Connection) -> None:
        _show(tx, tables, staging, [_change("a", 1, "工伤认定")])
        replica.reindex(tx, tables)
        _tidy(tx, tables, staging)
        assert _index_is_right(tx, tables)

    await database.write(work)


async def test_entries_that_wait_for_the_index_are_found_alike(database: Database, tables: LibraryTables, staging: StagingTables) -> None:
    text = "职工发生事故伤害，所在单位应当自事故伤害发生之日起三十日内提出工伤认定申请"

    def work(tx: Connection) -> list[str]:
        replica.apply(tx, tables, [_change("old", 1, f"{text}。"), _change("other", 1, "失业金怎么领")])
        _show(tx, tables, staging, [_change("new", 1, f"现规定：{text}")])
        return [held.entry_id for _, held in alike(tx, tables, "题", text)]

    assert sorted(await database.write(work)) == ["new", "old"]


async def test_a_text_that_cannot_be_read_holds_up_nothing(database: Database, tables: LibraryTables, staging: StagingTables) -> None:
    def work(tx: Connection) -> None:
        _show(tx, tables, staging, [_change("a", 1, "工伤认定"), _change("b", 1, "失业金")])
        first = tables.library_contents.c.row_id == min(waiting.rows_of(tx, tables))
        tx.execute(tables.library_contents.update().where(first).values(content=b"\xff\xff"))
        assert replica.index_waiting(tx, tables, 10) == 2
        assert waiting.rows_of(tx, tables) == []

    await database.write(work)


async def test_only_so_much_may_wait(database: Database, tables: LibraryTables, staging: StagingTables) -> None:
    await database.write(partial(_show, tables=tables, staging=staging, changes=[_change("a", 1, "工伤"), _change("b", 1, "失业")]))
    room = await database.read(lambda tx: waiting.room(tx, tables))
    assert room.rows == waiting.ROWS_MAX - 2
    assert waiting.BYTES_MAX - 200 < room.bytes < waiting.BYTES_MAX
    assert not room.takes([1] * (room.rows + 1))
    assert not room.takes([room.bytes + 1])
    assert room.takes([room.bytes, 0])
    assert not room.takes([1])
