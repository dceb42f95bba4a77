"""A disk that is full refuses new work in words, keeps what was kept, and works again as soon as there is room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from twelve333.adapters.sql import open_database
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import STORE_UNAVAILABLE


async def test_a_full_disk_fails_the_batch_and_heals_by_itself(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'small.db'}")

    def fill(tx: Connection) -> None:
        tx.execute(text("INSERT INTO t VALUES (zeroblob(50000))"))

    def limit(pages: int, tx: Connection) -> None:
        tx.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()

    await database.write(lambda tx: tx.execute(text("CREATE TABLE t (x BLOB)")))
    await database.write(lambda tx: limit(20, tx))
    outcomes = await asyncio.gather(*(database.write(fill) for _ in range(8)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert refused
    assert {outcome.refusal.code for outcome in refused} == {STORE_UNAVAILABLE}
    # the failed connection was dropped, and with it this test's limit: the next work finds room
    await database.write(fill)
    kept = await database.read(lambda tx: tx.execute(text("SELECT count(*) FROM t")).scalar_one())
    assert kept == len(outcomes) - len(refused) + 1
    await database.close()


@pytest.mark.parametrize("mode", ["wal", "full"])
async def test_commits_survive_power_loss_by_setting(tmp_path: Path, mode: str) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    pragma = {"wal": "journal_mode", "full": "synchronous"}[mode]
    found = await database.write(lambda tx: tx.execute(text(f"PRAGMA {pragma}")).scalar_one())
    await database.close()
    assert found == {"wal": "wal", "full": 2}[mode]
