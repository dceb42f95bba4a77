"""Backup and restore of a node's whole schema: on both databases, from each to each, and every way to refuse."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Select, select, text
from tests.support.postgres import Cluster

from province_node.backup import service as service_of
from province_node.store import library, metadata
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql.backup import backup, restore
from twelve333.adapters.sql.library import HeldRelease, apply, keep_release
from twelve333.adapters.sql.occupied import alone, occupied
from twelve333.adapters.sql.restored import RESTORED
from twelve333.api.cases.v1.events_pb2 import CaseReturnsAsked
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.api.library.v1.proposals_pb2 import ProposalStepsAsked
from twelve333.api.routing.v1.returns_pb2 import HandoffReturnsAsked
from twelve333.core.decision import Code, Refused
from twelve333.core.delivery.codes import (
    BACKUP_DAMAGED,
    BACKUP_NOT_WRITTEN,
    BACKUP_OF_ANOTHER,
    BACKUP_TARGET_IN_USE,
    BACKUP_TARGET_NOT_EMPTY,
    SCHEMA_UNKNOWN,
    STORE_UNAVAILABLE,
)
from twelve333.core.library.model import Change
from twelve333.wire.library import content_of

from tests.core.library.builders import entry  # isort: skip

NOW = datetime(2024, 3, 1, 9, tzinfo=UTC)
LATER = NOW + timedelta(days=2)
service = service_of("310000")
ASKED_BACK = (CaseReturnsAsked, ProposalStepsAsked, HandoffReturnsAsked)


def fill(tx: Connection) -> None:
    """Something in tables of every kind: numbers, bytes, times, JSON, dates, text in Chinese, and a search index."""
    outbox = service.delivery.outbox
    outbox.begin_epoch(tx, NOW)
    for number in range(700):
        outbox.append(tx, destination="320000", message=pb.Receipt(sender="社保", watermark=number), now=NOW, key=f"case-{number}")


@pytest.fixture
def other_postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """A second empty database."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop_database(url)


@pytest_asyncio.fixture
async def filled(database: Database) -> AsyncIterator[Database]:
    """A node's database with content."""
    await database.write(fill)
    yield database


async def contents(database: Database) -> dict[str, list[Any]]:
    """All rows of all tables but those that a restore changes on purpose."""
    tables = [table for table in metadata.sorted_tables if table.name not in ("epoch", "outbox_heads", "outbox")]
    found = {table.name: await rows_of(database, select(table).order_by(*table.primary_key)) for table in tables}
    outbox = metadata.tables["outbox"].c
    told = select(outbox.event_id, outbox.payload, outbox.occurred_at, outbox.trace, outbox.key).order_by(outbox.sequence)
    told = told.where(outbox.type.not_in([RESTORED, *(each.DESCRIPTOR.full_name for each in ASKED_BACK)]))
    return found | {"outbox": await rows_of(database, told)}


async def rows_of(database: Database, query: Select[Any]) -> list[tuple[Any, ...]]:
    return await database.read(lambda tx: [tuple(row) for row in tx.execute(query)])


async def refused(path: Path, url: str, *, replace: bool = False) -> Code:
    with pytest.raises(Refused) as caught:
        await restore(path, url, service, LATER, replace=replace)
    return caught.value.refusal.code


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
async def test_what_is_restored_is_what_was_backed_up_under_a_new_epoch(
    filled: Database, into: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "node.backup"
    made = await backup(filled, service, path, LATER)
    url = f"sqlite:///{tmp_path / 'new.db'}" if into == "sqlite" else str(request.getfixturevalue("other_postgres_url"))
    done = await restore(path, url, service, LATER)
    assert (done.rows, done.header, done.revision) == (made.rows, made.header, migrate.head("province_node"))
    assert done.epoch >= int(LATER.timestamp() * 1000) > made.epoch
    migrate.check_drift("province_node", url)
    database = open_database(url)
    try:
        assert await contents(database) == await contents(filled)
        assert await database.read(service.delivery.outbox.epoch) == done.epoch
        peer, hub = await database.read(service.delivery.outbox.heads)
        assert [(head.destination, head.sequence, head.watermark) for head in (peer, hub)] == [("320000", 703, 0), ("hub", 4, 0)]
        assert min(peer.epoch, hub.epoch) >= done.epoch
    finally:
        await database.close()
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_was_cut_or_changed_is_refused_before_anything_is_touched(filled: Database, tmp_path: Path) -> None:
    path, target = tmp_path / "node.backup", tmp_path / "new.db"
    await backup(filled, service, path, NOW)
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    cut = plain[: plain.rindex(b"\n", 0, -1) + 1]
    changed = plain.replace(b"case-13", b"case-14", 1)
    torn = [whole[:-20], whole[: len(whole) // 2], b"", b"no backup"]
    for data in [*torn, gzip.compress(cut), gzip.compress(changed), gzip.compress(plain + b"[]\n")]:
        path.write_bytes(data)
        assert await refused(path, f"sqlite:///{target}") == BACKUP_DAMAGED
    assert await refused(tmp_path / "absent", f"sqlite:///{target}") == BACKUP_DAMAGED
    assert not target.exists()


async def test_a_database_that_is_there_is_only_replaced_when_told_so(filled: Database, url: str, tmp_path: Path) -> None:
    path = tmp_path / "node.backup"
    await backup(filled, service, path, NOW)
    await filled.close()
    assert await refused(path, url) == BACKUP_TARGET_NOT_EMPTY
    done = await restore(path, url, service, LATER, replace=True)
    database = open_database(url)
    assert await database.read(service.delivery.outbox.epoch) == done.epoch
    await database.close()
    if url.startswith("sqlite"):
        assert (tmp_path / "node.db.replaced").exists()


async def test_a_database_in_use_is_not_restored(filled: Database, url: str, tmp_path: Path) -> None:
    path = tmp_path / "node.backup"
    await backup(filled, service, path, NOW)
    with occupied(url):  # on PostgreSQL it is our own connection, still open, that is in the way
        assert await refused(path, url, replace=True) == BACKUP_TARGET_IN_USE


async def test_a_service_does_not_start_while_a_restore_is_at_work(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'node.db'}"
    with alone(url) as free, pytest.raises(Refused) as caught, occupied(url):
        pass
    assert free
    assert caught.value.refusal.code == STORE_UNAVAILABLE


async def test_a_backup_of_another_member_or_of_a_newer_program_is_refused(filled: Database, tmp_path: Path) -> None:
    path = tmp_path / "node.backup"
    target = f"sqlite:///{tmp_path / 'new.db'}"
    await backup(filled, service_of("350000"), path, NOW)
    assert await refused(path, target) == BACKUP_OF_ANOTHER
    await filled.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    await backup(filled, service, path, NOW)
    assert await refused(path, target) == SCHEMA_UNKNOWN


async def test_a_file_that_cannot_be_written_leaves_the_one_before(filled: Database, tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        await backup(filled, service, tmp_path / "no-such-folder" / "node.backup", NOW)
    assert caught.value.refusal.code == BACKUP_NOT_WRITTEN


async def test_the_search_index_is_built_anew(filled: Database, tmp_path: Path) -> None:
    content = content_of(entry("e1", body="失业保险金怎么领"))
    await filled.write(lambda tx: apply(tx, library.tables, [Change("e1", 1, 1, content)]))
    await filled.write(lambda tx: keep_release(tx, library.tables, 1, 1, HeldRelease(b"signed", NOW)))
    path, url = tmp_path / "node.backup", f"sqlite:///{tmp_path / 'new.db'}"
    await backup(filled, service, path, NOW)
    await restore(path, url, service, LATER)
    database = open_database(url)
    found = await database.read(lambda tx: tx.execute(text("SELECT count(*) FROM library_index")).scalar_one())
    await database.close()
    assert found == 1
