"""What a process keeps in memory of its replica: learnt before a search needs it, and never other than what the database says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, cast

import pytest
import rjieba
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event
from tests.support.held import Held

from twelve333.adapters import library_reading
from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.sql import Database, library_shelf
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_staging as written
from twelve333.adapters.sql import search as search_of
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.sql.library_staging import StagingTables
from twelve333.adapters.sql.library_tables import LibraryTables
from twelve333.adapters.sql.postgresql import CONNECTIONS_MAX
from twelve333.adapters.sql.search import Found, Wanted, search
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.core.library import choosing
from twelve333.core.library.checkpoint import canonical_bytes
from twelve333.core.library.model import NO_ROOT, Change, Entry, EntryKind, Release, Tombstone, TombstoneReason
from twelve333.core.library.search import Plan, plan
from twelve333.data.resources import lexicon
from twelve333.wire.library import content_of

TODAY, NOW = date(2026, 3, 30), datetime(2026, 3, 30, tzinfo=UTC)
QUESTIONS = ("工伤认定", "工伤怎么认定", "失业金", "认")


def _changes(version: int, **texts: str | None) -> list[Change]:
    """An entry with each text; None takes it out."""
    gone = Tombstone(TombstoneReason.REPEALED)
    entries = {name: Entry(name, EntryKind.QA, f"题{text[:4]}", text, ("04",)) if text else None for name, text in texts.items()}
    return [
        Change(name, version, version, content=content_of(one)) if one else Change(name, version, version, tombstone=gone)
        for name, one in entries.items()
    ]


def _planned(question: str) -> Plan:
    made = plan(question, rjieba.cut, lexicon())
    assert isinstance(made, Plan)
    return made


def _found(tx: Connection, shelf: Shelf, question: str) -> Found:
    return search(tx, shelf, _planned(question), Wanted(TODAY))


def _told(tx: Connection, shelf: Shelf) -> list[object]:
    answers = [_found(tx, shelf, question) for question in QUESTIONS]
    return [(one.total, [(hit.held.entry_id, hit.score, hit.quote) for hit in one.hits]) for one in answers]


def _statements(tx: Connection, work: Callable[[], object]) -> list[str]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def ask(conn: object, cursor: object, statement: str, *rest: object) -> None:
        asked.append(statement)

    event.listen(tx, "before_cursor_execute", ask)
    work()
    event.remove(tx, "before_cursor_execute", ask)
    return asked


async def _caught_up(database: Database, shelf: Shelf) -> int:
    """Let a shelf learn all there is; in how many transactions."""
    count = 1
    while await database.read(shelf.catch_up):
        count += 1
    return count


async def test_what_there_is_at_the_start_is_learnt_a_little_at_a_time_and_the_first_search_asks_for_texts_only(
    database: Database, tables: LibraryTables
) -> None:
    many = {f"e{number}": "工伤认定" for number in range(250)}
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, **many)))
    shelf = Shelf(tables)
    shelf.expect(_planned("工伤认定").spoken)
    assert await _caught_up(database, shelf) > 3
    asked = await database.read(lambda tx: _statements(tx, lambda: _found(tx, shelf, "工伤认定")))
    assert asked
    assert not [one for one in asked if "library_index" in one or "length(" in one]
    cold = await database.read(lambda tx: _statements(tx, lambda: _found(tx, Shelf(tables), "工伤认定")))
    assert [one for one in cold if "library_index" in one]
    assert [one for one in cold if "length(" in one]


async def test_a_service_learns_by_itself_where_the_words_stand_that_callers_use(database: Database, tables: LibraryTables) -> None:
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, a="单位拖欠工资", b="失业保险金")))
    shelf = Shelf(tables)
    await LibraryReading(database, tables, lambda: NOW, shelf=shelf).get_ready()
    for question, found in (("欠薪", "a"), ("失业金", "b")):  # by a synonym
        asked = await database.read(partial(_asked, shelf=shelf, question=question, found=found))
        assert not [one for one in asked if "library_index" in one or "length(" in one]


def _asked(tx: Connection, shelf: Shelf, question: str, found: str) -> list[str]:
    hits: list[str] = []
    asked = _statements(tx, lambda: hits.extend(hit.held.entry_id for hit in _found(tx, shelf, question).hits))
    assert hits == [found]
    return asked


async def test_what_a_release_brings_is_learnt_before_it_is_shown(
    database: Database, tables: LibraryTables, staging: StagingTables
) -> None:
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, a="工伤认定", b="工伤认定申请", c="失业金")))
    shelf = Shelf(tables)
    before = await database.read(lambda tx: _told(tx, shelf))
    release = _changes(2, a="工伤认定新办法", b=None, d="怎么领失业金")
    await database.write(lambda tx: written.stage(tx, tables, staging, release, replica.ready_of(release)))
    await _caught_up(database, shelf)
    assert await database.read(lambda tx: _told(tx, shelf)) == before
    await database.write(lambda tx: written.show(tx, tables, staging, NOW))
    asked = await database.read(lambda tx: _statements(tx, lambda: _told(tx, shelf)))
    assert not [one for one in asked if "library_index" in one or "length(" in one]
    after = await database.read(lambda tx: _told(tx, shelf))
    assert after == await database.read(lambda tx: _told(tx, Shelf(tables)))
    assert after != before


TEXTS = st.dictionaries(
    st.sampled_from("abcdefg"), st.none() | st.sampled_from(("工伤认定", "失业金怎么领", "工伤", "认")), min_size=1, max_size=4
)
HOW = ("apply", "stage", "show", "drop", "stage unindexed", "show unindexed", "index")
STEPS = st.lists(st.tuples(TEXTS, st.sampled_from(HOW), st.integers(0, 3)), min_size=1, max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_a_shelf_that_learns_now_and_then_answers_as_one_that_knows_nothing(
    database: Database, tables: LibraryTables, staging: StagingTables, steps: list[tuple[dict[str, str | None], str, int]]
) -> None:
    """Whatever is staged, shown, given up, swept and indexed in between, and whether it is in the index or waits for it."""
    shelf = Shelf(tables)
    for version, (texts, how, learnt) in enumerate(steps, 1):
        changes = _changes(version, **texts)
        await database.write(partial(_take, tables=tables, staging=staging, how=how, changes=changes))
        for _ in range(learnt):
            await database.read(shelf.catch_up)
        ours, fresh = await database.read(lambda tx: (_told(tx, shelf), _told(tx, Shelf(tables))))
        assert ours == fresh


def _take(tx: Connection, tables: LibraryTables, staging: StagingTables, how: str, changes: list[Change]) -> None:
    if how == "apply":
        written.drop(tx, staging)
        replica.apply(tx, tables, changes)
    elif how == "drop":
        written.drop(tx, staging)
        written.sweep(tx, tables, staging)
    elif how == "index":
        replica.index_waiting(tx, tables, 2)
    else:
        written.stage(tx, tables, staging, changes, replica.ready_of(changes, indexed="unindexed" not in how))
        if how.startswith("show"):
            written.show(tx, tables, staging, NOW)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Searches that are held in the middle of what they compute."""
    one = Held()
    monkeypatch.setattr(search_of, "chosen", one.holding(choosing.chosen))
    return one


async def test_what_a_search_computes_keeps_nobody_waiting(database: Database, tables: LibraryTables, held: Held) -> None:
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, a="单位拖欠工资")))
    shelf = Shelf(tables)
    searching = asyncio.create_task(database.read(lambda tx: _found(tx, shelf, "拖欠工资")))
    await held.begun()
    assert await database.read(lambda tx: replica.held_number(tx, tables)) == 0  # somebody else is served
    held.go.set()
    assert [hit.held.entry_id for hit in (await searching).hits] == ["a"]


@pytest.mark.parametrize("part", ["_card", "_numbers"])
async def test_what_is_learnt_for_the_first_search_keeps_nobody_waiting(
    database: Database, tables: LibraryTables, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, a="单位拖欠工资")))
    held = Held()
    monkeypatch.setattr(library_shelf, part, held.holding(getattr(library_shelf, part)))
    shelf = Shelf(tables)
    shelf.expect(_planned("拖欠工资").spoken)
    learning = asyncio.create_task(_caught_up(database, shelf))
    await held.begun()
    assert await database.read(lambda tx: replica.held_number(tx, tables)) == 0  # somebody else is served
    held.go.set()
    await learning
    assert await database.read(lambda tx: _found(tx, shelf, "拖欠工资").total) == 1


async def test_how_an_answer_is_made_of_what_was_found_keeps_nobody_waiting(
    database: Database, tables: LibraryTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = common_pb2.SignedDocument(payload=canonical_bytes(Release(1, 1, 1, NO_ROOT, NO_ROOT, NOW)))

    def fill(tx: Connection) -> None:
        replica.apply(tx, tables, _changes(1, a="单位拖欠工资"))
        replica.keep_release(tx, tables, 1, 1, replica.HeldRelease(signed.SerializeToString(), NOW))

    await database.write(fill)
    held, unused = Held(), cast("Any", None)
    monkeypatch.setattr(library_reading, "_hit", held.holding(library_reading._hit))
    reading = LibraryReading(database, tables, lambda: NOW)
    searching = asyncio.create_task(reading.Search(pb.SearchRequest(query="拖欠工资"), unused))
    await held.begun()
    assert (await reading.GetEntry(pb.GetEntryRequest(id="a"), unused)).entry.entry.id == "a"
    held.go.set()
    assert [hit.entry.entry.id for hit in (await searching).hits] == ["a"]


async def test_searches_that_nobody_waits_for_any_more_leave_no_connection_behind(
    database: Database, tables: LibraryTables, held: Held
) -> None:
    await database.write(partial(replica.apply, tables=tables, changes=_changes(1, a="单位拖欠工资")))
    shelf = Shelf(tables)
    for _ in range(CONNECTIONS_MAX + 1):
        held.there.clear()
        held.go.clear()
        searching = asyncio.create_task(database.read(lambda tx: _found(tx, shelf, "拖欠工资")))
        await held.begun()
        searching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await searching
        held.go.set()
    async with asyncio.timeout(20):
        found = await database.read(lambda tx: _found(tx, shelf, "拖欠工资"))
    assert [hit.held.entry_id for hit in found.hits] == ["a"]
