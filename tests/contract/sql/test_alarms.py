"""Alarms: one store, whatever they are about, and each stays until somebody has looked at it or what it tells of is over."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from province_node.alarms import Alarms
from province_node.store import delivery_of
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.core.decision import refuse
from twelve333.core.delivery.codes import COPIES, FENCED, FORKED
from twelve333.core.documents import FORKED as DIRECTORY_FORKED

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


async def test_what_was_counted_about_directories_before_the_upgrade_is_among_the_alarms(empty_url: str) -> None:
    migrate.upgrade_to("province_node", empty_url, "0026")
    database = open_database(empty_url)
    row = "INSERT INTO directory_alarms (code, count, first_at, last_at) VALUES ('SECURITY_DOCUMENT_FORKED', 3, :at, :at)"
    at = NOW if empty_url.startswith("postgresql") else NOW.strftime("%Y-%m-%d %H:%M:%S.%f")
    await database.write(lambda tx: tx.execute(text(row), {"at": at}))
    migrate.upgrade("province_node", empty_url)
    kept = delivery_of("350000")
    found = (await database.read(kept.status)).alarms
    assert [(each.member, each.code, each.count, each.last_at) for each in found] == [("hub", "SECURITY_DOCUMENT_FORKED", 3, NOW)]
    alarms = Alarms(database, lambda: NOW, kept.alarms)
    await alarms.note(refuse(DIRECTORY_FORKED, purpose="directory", version=7))
    assert [each.count for each in await alarms.list()] == [4]
    await database.close()


async def test_only_alarms_about_copies_end_with_a_new_epoch(database: Database) -> None:
    delivery = delivery_of("350000")
    for code in (FORKED, FENCED, DIRECTORY_FORKED):
        await database.write(lambda tx, code=code: delivery.alarms.give(tx, "hub", code, "", NOW))
    assert await database.write(lambda tx: delivery.alarms.clear(tx, "hub", COPIES)) == 2
    assert [each.code for each in await database.read(delivery.alarms.all)] == [DIRECTORY_FORKED.name]
