"""What is searched for reaches the hub as single words that enough desks used, and nothing else of a question reaches anything."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import Connection, select
from tests.support.postgres import Cluster

from national_hub.handlers.demand import keep_demand
from national_hub.store import demand as hub_store
from province_node.demand import DemandCounting
from province_node.store import demand as store
from province_node.store import library as library_store
from twelve333.adapters.library_reading import LibraryReading
from twelve333.adapters.rpc import access
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library import HeldRelease
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import demand_pb2
from twelve333.api.library.v1 import service_pb2 as pb
from twelve333.cli.library_files import sample_entries
from twelve333.core.identity import Caller, Role
from twelve333.core.library.checkpoint import canonical_bytes
from twelve333.core.library.model import NO_ROOT, Change, Release
from twelve333.wire.library import content_of

DAY = datetime(2026, 3, 30, 1, tzinfo=UTC)
CANARIES = ("欧阳翠花", "翠花", "110101199003078515", "13912345678")
QUESTION = "我叫欧阳翠花，身份证110101199003078515，电话13912345678，工伤怎么认定"


class Node:
    """The parts of a node that count: its library, its counting, and what it tells the hub."""

    def __init__(self, database: Database) -> None:
        self.database, self.now, self.told = database, DAY, list[demand_pb2.SearchDemandTold]()
        outbox = SimpleNamespace(append=lambda tx, destination, message, now: self.told.append(message))
        self.counting = DemandCounting(cast("Any", SimpleNamespace(clock=lambda: self.now, database=database, outbox=outbox)))
        tables, count = library_store.tables, self.counting.count
        self.reading = LibraryReading(database, tables, lambda: self.now, home="350000", counted=count)

    async def ask(self, query: str, desk: str, **more: Any) -> pb.SearchResponse:
        access._caller.set(Caller(Role.DESK, "350000", desk))
        return await self.reading.Search(pb.SearchRequest(query=query, **more), cast("Any", None))

    async def shown(self, *, without_hits: bool = False) -> dict[str, int]:
        since = self.now.date() - timedelta(days=6)
        found = await self.database.read(lambda tx: store.listing(tx, since, without_hits, 20))
        return {one.term: one.searches for one in found.terms}


def _fill(tx: Connection) -> None:
    changes = [Change(one.id, 1, 1, content=content_of(one)) for one in sample_entries()]
    replica.apply(tx, library_store.tables, changes)
    signed = common_pb2.SignedDocument(payload=canonical_bytes(Release(1, 1, len(changes), bytes(32), NO_ROOT, DAY)))
    replica.keep_release(tx, library_store.tables, 1, 1, HeldRelease(signed.SerializeToString(), DAY))


@pytest.fixture(params=["sqlite", "postgresql"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Node]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'node.db'}"
    migrate.upgrade("province_node", url)
    database = open_database(url)
    await database.write(_fill)
    yield Node(database)
    await database.close()
    if cluster:
        cluster.drop_database(url)


async def test_a_word_is_shown_and_told_once_five_desks_have_used_it(node: Node) -> None:
    for desk in range(4):
        await node.ask("工伤怎么认定", f"desk-{desk}")
        await node.ask("工伤怎么认定", f"desk-{desk}")
    await node.counting.step()
    assert await node.shown() == {}
    await node.ask("工伤", "desk-5")
    await node.counting.step()
    assert await node.shown() == {"工伤": 9}
    assert node.told == []  # the day is not over
    node.now += timedelta(days=1)
    await node.counting.step()
    await node.counting.step()
    (told,) = node.told
    assert (told.day, told.searches, told.without_hits) == ("2026-03-30", 9, 0)
    assert [(one.term, one.searches) for one in told.terms] == [("工伤", 9)]


async def test_one_desk_on_five_days_counts_and_what_is_older_than_a_week_is_forgotten(node: Node) -> None:
    for _ in range(5):
        await node.ask("退休", "desk-1")
        await node.counting.step()
        node.now += timedelta(days=1)
    assert await node.shown() == {"退休": 5}
    node.now += timedelta(days=8)
    await node.ask("档案", "desk-1")
    await node.counting.step()
    node.now += timedelta(days=1)
    await node.counting.step()
    kept = await node.database.read(lambda tx: {row.term for row in tx.execute(select(store.terms_table.c.term))})
    assert kept == {"档案"}


async def test_words_of_searches_without_a_hit_are_listed(node: Node) -> None:
    for desk in range(5):
        answer = await node.ask("欠薪", f"desk-{desk}", topic="0101.999999-9")
        assert not answer.hits
    await node.counting.step()
    assert await node.shown(without_hits=True) == {"欠薪": 5}


async def test_a_mistyped_question_is_answered_by_what_is_nearest_and_is_not_counted_as_found(node: Node) -> None:
    told: list[bool] = []
    reading = LibraryReading(node.database, library_store.tables, lambda: DAY, counted=lambda desk, words, found: told.append(found))
    access._caller.set(Caller(Role.DESK, "350000", "desk-1"))
    found = [await reading.Search(pb.SearchRequest(query=query), cast("Any", None)) for query in ("社宝卡丢了", "犇鱻怎么办")]
    assert [[hit.entry.entry.id for hit in answer.hits][:1] for answer in found] == [["registration-card-lost"], []]
    assert told == [False, False]


async def test_a_name_a_number_and_a_telephone_of_a_question_are_nowhere(
    node: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for desk in range(6):
            await node.ask(QUESTION, f"desk-{desk}")
            await node.ask("欧阳翠花13912345678", f"desk-{desk}")
        await node.counting.step()
        assert "工伤" in await node.shown()
        node.now += timedelta(days=1)
        await node.counting.step()
    rows = await node.database.read(lambda tx: [tuple(row) for t in (store.terms_table, store.days_table) for row in tx.execute(select(t))])
    written = [repr(rows), repr(node.told), caplog.text, *capfd.readouterr()]
    files = _files(tmp_path)
    for canary in CANARIES:
        assert not [text for text in written if canary in text], canary
        assert not [file for file in files if canary.encode() in file], canary
    assert "desk-1" not in repr(rows)


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("*.db*")]


async def test_the_hub_adds_up_what_nodes_tell_and_takes_a_day_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrate.upgrade("national_hub", url)
    database = open_database(url)
    terms = [demand_pb2.TermDemand(term="工伤", searches=7), demand_pb2.TermDemand(term="欠薪", searches=5, without_hits=2)]
    told = demand_pb2.SearchDemandTold(day="2026-03-30", searches=20, without_hits=3, terms=terms).SerializeToString()
    for origin in ("350000", "360000", "350000"):
        event = cast("Any", SimpleNamespace(origin=origin, message=told))
        await database.write(lambda tx, event=event: keep_demand(tx, event, DAY))  # type: ignore[misc]
    found = await database.read(lambda tx: hub_store.listing(tx, date(2026, 3, 30), False, 20))
    assert [(one.term, one.searches) for one in found.terms] == [("工伤", 14), ("欠薪", 10)]
    assert (found.searches, found.without_hits) == (40, 6)
    worst = await database.read(lambda tx: hub_store.listing(tx, date(2026, 3, 30), True, 20))
    assert [(one.term, one.without_hits) for one in worst.terms] == [("欠薪", 4)]
    await database.close()
