"""Links are found from either end on both databases; rows that an older program wrote are read again by the newer one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, delete, select, update
from tests.support.postgres import Cluster

from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql.library_derived import derive_again, derive_all
from twelve333.adapters.sql.library_links import known_of
from twelve333.adapters.sql.library_tables import LibraryTables, create_index, library_tables
from twelve333.core.library.model import Change, Entry, EntryKind, KnownLink, Link, LinkKind, Tombstone, TombstoneReason
from twelve333.wire.library import content_of

NOW = datetime(2014, 3, 30, tzinfo=UTC)
LAW = Entry("law-2004", EntryKind.POLICY, "工伤保险条例", "工伤", ("04",), document="law", valid_from=date(2004, 1, 1))
CHANGE = Entry(
    "decision-2010",
    EntryKind.POLICY,
    "关于修改工伤保险条例的决定",
    "修改",
    ("04",),
    valid_from=date(2011, 1, 1),
    links=(Link(LinkKind.AMENDS, "law"),),
)
SINCE = date(2006, 1, 1)
RULES = Entry("rules-2006", EntryKind.POLICY, "某省实施办法", "实施", ("04",), links=(Link(LinkKind.IMPLEMENTS, "law-2004", SINCE),))


@pytest.fixture
def tables() -> LibraryTables:
    return library_tables(MetaData())


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path, tables: LibraryTables) -> AsyncIterator[Database]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'library.db'}"
    opened = open_database(url)

    def create(tx: Connection) -> None:
        tables.library_entries.metadata.create_all(tx)
        create_index(tx)
        replica.apply(tx, tables, [_change(one) for one in (LAW, CHANGE, RULES)])

    await opened.write(create)
    try:
        yield opened
    finally:
        await opened.close()
        if cluster:
            cluster.drop_database(url)


def _change(entry: Entry, version: int = 1) -> Change:
    return Change(entry.id, version, 1, content=content_of(entry), recorded_at=NOW)


async def test_an_entry_says_what_amends_and_implements_it(database: Database, tables: LibraryTables) -> None:
    told = await database.read(lambda tx: known_of(tx, tables, [LAW])[LAW.id])
    assert told == (
        KnownLink(LinkKind.IMPLEMENTS, RULES.id, RULES.title, date(2006, 1, 1), applied=True),
        KnownLink(LinkKind.AMENDS, CHANGE.id, CHANGE.title, date(2011, 1, 1), applied=False),
    )
    ended = replace(LAW, valid_to=date(2011, 1, 1))
    assert [one.applied for one in await database.read(lambda tx: known_of(tx, tables, [ended])[ended.id])] == [True, True]


async def test_a_link_goes_with_its_entry(database: Database, tables: LibraryTables) -> None:
    gone = Change(RULES.id, 2, 2, tombstone=Tombstone(TombstoneReason.WITHDRAWN))
    await database.write(lambda tx: replica.apply(tx, tables, [gone, _change(replace(CHANGE, links=()), 2)]))
    assert await database.read(lambda tx: known_of(tx, tables, [LAW])[LAW.id]) == ()


async def test_when_a_text_was_recorded_is_kept(database: Database, tables: LibraryTables) -> None:
    held = await database.read(lambda tx: replica.get(tx, tables, LAW.id))
    assert held
    assert held.recorded_at == NOW


async def test_rows_of_an_older_program_are_read_again(database: Database, tables: LibraryTables) -> None:
    def as_written_before(tx: Connection) -> None:
        tx.execute(update(tables.library_entries).values(derived=None, document=None, owner_unit=None, kind="other"))
        tx.execute(delete(tables.library_links))

    await database.write(as_written_before)
    await derive_all(database, tables)
    e = tables.library_entries.c
    rows = await database.read(lambda tx: tx.execute(select(e.document, e.kind).where(e.entry_id == LAW.id)).one())
    assert tuple(rows) == ("law", "policy")
    assert len(await database.read(lambda tx: known_of(tx, tables, [LAW])[LAW.id])) == 2
    assert await database.write(lambda tx: derive_again(tx, tables)) == 0
