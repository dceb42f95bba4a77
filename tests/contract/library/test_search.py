"""One suite for the search of both databases: every two-character word is found, spoken questions hit, order is the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import pytest
import rjieba
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData
from tests.contract.library.conftest import create
from tests.support.texts import policy_texts

from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library import HeldRelease
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.sql.library_tables import LibraryTables, library_tables
from twelve333.adapters.sql.search import Found, Wanted, search
from twelve333.core.library.markdown import Guide, parse_file, succeed
from twelve333.core.library.merkle import root_of
from twelve333.core.library.model import Change, Entry, EntryKind, Tombstone, TombstoneReason
from twelve333.core.library.rules import apply_changes, in_force
from twelve333.core.library.search import Plan, fold, plan
from twelve333.data.resources import lexicon, sample_files, topics
from twelve333.wire.library import content_of

TODAY = date(2026, 3, 30)
SHELVES: WeakKeyDictionary[Database, Shelf] = WeakKeyDictionary()
TWO_CHARACTERS = [
    "工伤",
    "工资",
    "退休",
    "失业",
    "档案",
    "医保",
    "转移",
    "仲裁",
    "合同",
    "社保",
    "加班",
    "生育",
    "津贴",
    "补贴",
    "养老",
    "试用",
    "辞退",
    "年假",
    "欠薪",
    "报销",
]
SPOKEN = (
    "我在外地打工老板不发工资怎么办",
    "社保断了三个月怎么补",
    "失业金怎么领",
    "上班路上被车撞了算工伤吗",
    "档案在外省怎么转回来",
    "自己辞职还能领失业金吗",
    "怀孕了公司要辞退我合法吗",
    "没签合同能要双倍工资吗",
    "包工头跑了工钱找谁要",
    "换省工作养老保险怎么转过去",
    "外地急诊没备案能报吗",
    "社保卡丢了怎么办",
    "产假能休多少天",
    "退休年龄到了没缴够年限怎么办",
    "公司不给交社保去哪投诉",
    "加班费按几倍算",
    "工伤评了九级能拿多少钱",
    "送外卖受伤谁管",
    "离职了单位不给离职证明",
    "人去世了养老保险账户的钱怎么办",
)


def _sample() -> list[Entry]:
    parsed = [parse_file(path, text, Guide(topics())) for path, text in sample_files()]
    return [one for one in parsed if isinstance(one, Entry)]


def _changes(entries: list[Entry], version: int = 1, release: int = 1) -> list[Change]:
    return [Change(entry.id, version, release, content=content_of(entry)) for entry in entries]


def _plan(query: str) -> Plan:
    made = plan(query, rjieba.cut, lexicon())
    assert isinstance(made, Plan)
    return made


async def _search(database: Database, query: str, **wanted: object) -> Found:
    asked = Wanted(**{"day": TODAY, "limit": 1000} | wanted)  # type: ignore[arg-type]
    shelf = SHELVES.setdefault(database, Shelf(library_tables(MetaData())))
    return await database.read(lambda tx: search(tx, shelf, _plan(query), asked))


def _holding(entries: list[Entry], word: str) -> set[str]:
    return {entry.id for entry in entries if word in fold(f"{entry.title}\n{entry.body}")}


def _real_texts() -> list[Entry]:
    folder = policy_texts()
    files = sorted(folder.rglob("*.md"))
    parsed = [parse_file(file.relative_to(folder).parts, file.read_text(encoding="utf-8"), Guide(topics())) for file in files]
    return succeed([one for one in parsed if isinstance(one, Entry)])


async def test_every_two_character_word_is_found_wherever_it_stands(database: Database, tables: LibraryTables) -> None:
    entries = _sample()
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    for word in TWO_CHARACTERS:
        found = await _search(database, word, any_time=True)
        assert {hit.held.entry_id for hit in found.hits} == _holding(entries, word), word
        assert found.total == len(found.hits) > 0, word
        assert all((hit.literal and word in hit.quote.snippet) or word in hit.entry.title for hit in found.hits), word


async def test_recall_holds_on_real_statutes(database: Database, tables: LibraryTables) -> None:
    entries = _real_texts()
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    for word in [*TWO_CHARACTERS, "劳动者", "用人单位", "停工留薪期", "伤"]:
        found = await _search(database, word, any_time=True)
        literal = {hit.held.entry_id for hit in found.hits if hit.literal}
        assert literal == _holding(entries, word), word


@pytest.mark.parametrize("asked", ["人社部发〔2099〕7号", "查一下人社部发(2099)第7号", "人社部发〔2099〕7号工伤认定"])
async def test_a_document_is_found_by_its_number_before_all_else(database: Database, tables: LibraryTables, asked: str) -> None:
    named = replace(_sample()[0], id="named", title="某办法", body="本办法自公布之日起施行。", document_number="人社部发〔2099〕7号")
    other = replace(named, id="other", document_number="人社部发〔2099〕17号")
    changes = _changes([*_sample(), named, other])
    await database.write(lambda tx: replica.apply(tx, tables, changes))
    found = await _search(database, asked, any_time=True)
    assert found.hits[0].held.entry_id == "named"
    assert "other" not in {hit.held.entry_id for hit in found.hits if hit.score >= found.hits[0].score}
    assert found.hits[0].quote.snippet == "本办法自公布之日起施行。"
    assert found.total >= 1


async def test_every_spoken_question_has_a_hit(database: Database, tables: LibraryTables) -> None:
    entries = _sample()
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    without = [question for question in SPOKEN if not (await _search(database, question, limit=5)).hits]
    assert without == []


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("我在外地打工老板不发工资怎么办", "wages-away-unpaid"),
        ("上班路上被车撞了算工伤吗", "injury-commute"),
        ("失业金怎么领", "unemployment-how-to-apply"),
        ("社保卡丢了怎么办", "registration-card-lost"),
        ("社保断了三个月怎么补", "pension-interrupted"),
        ("没签合同能要双倍工资吗", "contracts-unsigned"),
        ("我从深圳回老家养老保险咋个转回去", "transfer-pension-how"),
        ("没钱打官司国家能帮忙吗", "disputes-legal-aid"),
        ("男的老婆生孩子有没有陪产假", "maternity-father-leave"),
        ("夏天高温补贴有没有", "wages-heat"),
    ],
)
async def test_the_answer_to_a_spoken_question_is_among_the_first_three(
    database: Database, tables: LibraryTables, question: str, expected: str
) -> None:
    await database.write(lambda tx: replica.apply(tx, tables, _changes(_sample())))
    found = await _search(database, question, limit=3)
    assert expected in [hit.held.entry_id for hit in found.hits]


async def test_the_callers_province_comes_first_then_the_nation(database: Database, tables: LibraryTables) -> None:
    regions = {"a": "440000", "b": "000000", "c": "350000", "d": "350100"}
    entries = [Entry(name, EntryKind.POLICY, "工伤办法", "工伤认定的办法。", ("04",), region) for name, region in regions.items()]
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    found = await _search(database, "工伤", region="350100")
    assert [hit.held.entry_id for hit in found.hits] == ["d", "c", "b", "a"]


async def test_only_what_is_in_force_is_found_unless_asked(database: Database, tables: LibraryTables) -> None:
    old = Entry("old", EntryKind.POLICY, "旧法", "工伤", ("04",), valid_from=date(1996, 1, 1), valid_to=date(2004, 1, 1))
    new = Entry("new", EntryKind.POLICY, "新法", "工伤", ("04",), valid_from=date(2004, 1, 1))
    await database.write(lambda tx: replica.apply(tx, tables, _changes([old, new])))
    assert [h.held.entry_id for h in (await _search(database, "工伤")).hits] == ["new"]
    assert [h.held.entry_id for h in (await _search(database, "工伤", day=date(2000, 1, 1))).hits] == ["old"]
    both = (await _search(database, "工伤", any_time=True)).hits
    assert [(h.held.entry_id, h.in_force) for h in both] == [("new", True), ("old", False)]


async def test_kind_and_topic_narrow_a_search(database: Database, tables: LibraryTables) -> None:
    entries = _sample()
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    cases = (await _search(database, "工伤", kind=EntryKind.CASE)).hits
    assert cases and all(hit.entry.kind is EntryKind.CASE for hit in cases)
    injury = (await _search(database, "工资", topic="04")).hits
    assert injury and all(any(t.startswith("04") for t in hit.entry.topics) for hit in injury)


async def test_changed_and_removed_texts_leave_nothing_in_the_index(database: Database, tables: LibraryTables) -> None:
    entries = [Entry(name, EntryKind.QA, f"题{name}", body, ("04",)) for name, body in (("a", "工伤认定"), ("b", "养老金"))]
    await database.write(lambda tx: replica.apply(tx, tables, _changes(entries)))
    changed = Entry("a", EntryKind.QA, "题a", "失业金", ("03",))
    later = [*_changes([changed], 2, 2), Change("b", 2, 2, tombstone=Tombstone(TombstoneReason.WITHDRAWN))]
    await database.write(lambda tx: replica.apply(tx, tables, later))
    assert [(await _search(database, word)).total for word in ("工伤", "养老", "失业")] == [0, 0, 1]
    held = await database.read(lambda tx: replica.leaves(tx, tables))
    assert root_of(held.values()) == root_of(apply_changes({}, [*_changes(entries), *later]).values())


async def test_a_question_with_quotes_and_operators_is_only_words(database: Database, tables: LibraryTables) -> None:
    await database.write(lambda tx: replica.apply(tx, tables, _changes(_sample())))
    for query in ("工伤' OR 1=1 --", '"工伤" AND NOT', "工伤*", "(工伤) & | !", "100%_工伤"):
        assert (await _search(database, query, limit=5)).hits, query


async def test_entries_release_and_pages_come_back(database: Database, tables: LibraryTables) -> None:
    entries = _sample()
    now = datetime(2026, 3, 30, tzinfo=UTC)

    def keep(tx: Connection) -> None:
        replica.apply(tx, tables, _changes(entries))
        replica.keep_release(tx, tables, 1, 1, HeldRelease(b"signed", now))

    await database.write(keep)
    assert await database.read(lambda tx: replica.last_release(tx, tables)) == HeldRelease(b"signed", now)
    one = await database.read(lambda tx: replica.get(tx, tables, "injury-commute"))
    assert one is not None and one.entry in entries
    assert await database.read(lambda tx: replica.get(tx, tables, "nowhere")) is None
    listed: list[str] = []
    while len(listed) < len(entries):
        after = listed[-1] if listed else ""
        held = await database.read(lambda tx, a=after: replica.page(tx, tables, a, 7))  # type: ignore[misc]
        assert held
        listed += [one.entry_id for one in held]
    assert listed == sorted(entry.id for entry in entries)
    await database.write(partial(_clear, tables=tables))
    assert (await _search(database, "工伤")).total == 0


Pair = tuple[tuple[Database, LibraryTables], tuple[Database, LibraryTables]]


@pytest.fixture
async def pair(tmp_path: Path, postgres_url: str) -> AsyncIterator[Pair]:
    """An empty replica on each database."""
    opened = tuple((open_database(url), library_tables(MetaData())) for url in (f"sqlite:///{tmp_path / 'a.db'}", postgres_url))
    for database, tables in opened:
        await database.write(partial(create, tables=tables))
    yield opened  # type: ignore[misc]
    for database, _ in opened:
        await database.close()


def _clear(tx: Connection, tables: LibraryTables) -> None:
    """Take every entry out."""
    gone = Tombstone(TombstoneReason.WITHDRAWN)
    replica.apply(tx, tables, [Change(entry_id, 9, 9, tombstone=gone) for entry_id in replica.leaves(tx, tables)])


def _told(found: Found) -> tuple[object, ...]:
    """All that a caller is told, in its order."""
    return found.total, [(hit.held.entry_id, hit.score, hit.literal, hit.in_force, hit.quote) for hit in found.hits]


async def test_both_databases_answer_alike(pair: Pair) -> None:
    for database, tables in pair:
        await database.write(partial(replica.apply, tables=tables, changes=_changes(_sample())))
    for query in (*TWO_CHARACTERS, *SPOKEN):
        first, second = [_told(await _search(database, query, limit=10, region="350100")) for database, _ in pair]
        assert first == second, query


WORDS = ("工伤", "认定", "工资", "拖欠", "ＷＴＯ", "2014", "补", "社保卡", "退休金", "养老")
TEXTS = st.tuples(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), st.integers(0, 4))
STEPS = st.lists(st.dictionaries(st.integers(0, 30), st.none() | TEXTS, min_size=1, max_size=24), min_size=1, max_size=4)
QUERIES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map("".join)


def _made_up(number: int, words: list[str], shape: int) -> Entry:
    region = ("000000", "350000", "350100", "440000", "000000")[shape]
    until = TODAY if shape == 4 else None
    body = "，".join(words) if shape % 2 else "".join(words)
    kind = EntryKind.QA if shape % 2 else EntryKind.POLICY
    return Entry(f"e{number}", kind, "".join(words[:2]), body, ("04",), region, valid_from=date(2014, 1, 1), valid_to=until)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS, queries=st.lists(QUERIES, min_size=1, max_size=3), limit=st.sampled_from([2, 50]), region=st.sampled_from(["", "350100"])
)
async def test_both_databases_answer_alike_whatever_the_library_and_however_it_came_about(
    pair: Pair, steps: list[dict[int, tuple[list[str], int] | None]], queries: list[str], limit: int, region: str
) -> None:
    """The second database takes each step in pieces and the other way round, so its rows are others; searches come in between."""
    for database, tables in pair:
        await database.write(partial(_clear, tables=tables))
    held: dict[str, Entry] = {}
    for version, step in enumerate(steps, 1):
        entries = {f"e{number}": _made_up(number, *text) if text else None for number, text in step.items()}
        changes = [_step(entry_id, version, entry) for entry_id, entry in entries.items()]
        (one, its), (other, theirs) = pair
        await one.write(partial(replica.apply, tables=its, changes=changes))
        for change in reversed(changes):
            await other.write(partial(replica.apply, tables=theirs, changes=[change]))
        held = {entry_id: entry for entry_id, entry in (held | entries).items() if entry}
        for query in queries:
            first, second = [await _search(database, query, limit=limit, region=region) for database, _ in pair]
            assert _told(first) == _told(second)
            if limit > len(held):
                literal = {hit.held.entry_id for hit in first.hits if hit.literal}
                assert literal == {one.id for one in _standing(held) if fold(query) in fold(f"{one.title}\n{one.body}")}


def _step(entry_id: str, version: int, entry: Entry | None) -> Change:
    if entry is None:
        return Change(entry_id, version, version, tombstone=Tombstone(TombstoneReason.WITHDRAWN))
    return Change(entry_id, version, version, content=content_of(entry))


def _standing(held: dict[str, Entry]) -> list[Entry]:
    return [one for one in held.values() if in_force(one, TODAY)]


async def test_a_search_sees_what_its_own_transaction_sees(database: Database, tables: LibraryTables) -> None:
    """What a process keeps in memory is never older or newer than the view of the database that asks."""
    shelf = Shelf(tables)
    old = [Entry(f"a{number}", EntryKind.QA, "题", "工伤认定", ("04",)) for number in range(3)]
    await database.write(partial(replica.apply, tables=tables, changes=_changes(old)))
    gone = Change("a2", 2, 2, tombstone=Tombstone(TombstoneReason.REPEALED))
    new = _changes([Entry("b", EntryKind.QA, "题", "工伤认定", ("04",))], 1, 3)

    def seen(tx: Connection) -> set[str]:
        return {hit.held.entry_id for hit in search(tx, shelf, _plan("工伤"), Wanted(TODAY)).hits}

    assert await database.read(seen) == {"a0", "a1", "a2"}
    await database.write(partial(replica.apply, tables=tables, changes=[gone]))  # the newest row: its number must not come back
    assert await database.read(seen) == {"a0", "a1"}
    await database.write(partial(replica.apply, tables=tables, changes=new))
    assert await database.read(seen) == {"a0", "a1", "b"}
