"""Whether an event is known is looked up by its key: what an origin told before must not make its next event dearer."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.delivery import Delivery, delivery_tables
from twelve333.adapters.sql.savepoints import executed

from province_node.store import metadata  # isort: skip

NOW = datetime(2024, 3, 1, 9, tzinfo=UTC)
TOLD = 3000
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (ANALYZE) "}
TABLES = delivery_tables(metadata)


def fill(tx: Connection) -> None:
    """As much as an origin has told in a while, and nobody has told PostgreSQL yet that there is so much of it."""
    counts = dict.fromkeys(("applied", "duplicates", "gaps", "refused"), 0)
    tx.execute(insert(TABLES.inbox_heads).values(origin="320000", epoch=1, watermark=TOLD, updated_at=NOW, **counts))
    row = {"origin": "320000", "epoch": 1, "applied_at": NOW, "digest": b""}
    tx.execute(insert(TABLES.inbox_events), [{**row, "event_id": f"e-{number}", "sequence": number} for number in range(1, TOLD + 1)])


async def test_known_events_are_looked_up_by_key_however_much_was_told_before(database: Database) -> None:
    query = Delivery(TABLES, "310000").inbox._line_of[database.dialect]
    asked = {"line": "320000", "ids": [f"e-{number}" for number in range(TOLD - 99, TOLD + 101)]}

    def plan(tx: Connection) -> str:
        text, values = query.bound(tx, asked)
        return "\n".join(str(row[-1]) for row in executed(tx, EXPLAIN[tx.dialect.name] + text, values).fetchall())

    await database.write(fill)
    assert len(await database.read(lambda tx: query.rows(tx, asked))) == 100
    said = await database.read(plan)
    assert "Rows Removed" not in said, said  # what was read and not wanted
    if database.dialect == "sqlite":
        assert "SEARCH inbox_events USING INDEX sqlite_autoindex_inbox_events_1 (origin=? AND event_id=?)" in said
    else:
        assert "loops=200" in said, said  # once an id
