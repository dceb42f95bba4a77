"""What was decided about holders is kept on both databases, one row a name and capacity."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from province_node.store.holders import holders
from twelve333.adapters.sql import Database
from twelve333.core.identity import Role
from twelve333.core.registration.holders import Holder

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DESK = Holder(Role.DESK, "li", "1" * 64, NOW)
OPERATOR = Holder(Role.LOCAL_OPERATOR, "li", "2" * 64, NOW)


async def test_the_last_decision_about_a_name_is_kept(database: Database) -> None:
    ended = replace(DESK, revoked_at=NOW, reason="has left")
    for holder in (DESK, OPERATOR, ended):
        await database.write(lambda tx, holder=holder: holders.save(tx, holder))  # type: ignore[misc]
    assert await database.read(holders.list) == [ended, OPERATOR]
    assert await database.read(lambda tx: holders.load(tx, Role.DESK, "li")) == ended
    assert await database.read(lambda tx: holders.load(tx, Role.DESK, "wang")) is None
