"""A disk that is full refuses new work in words, keeps what was kept, and works again as soon as there is room."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB, 2 of them taken by a file that an operator may delete; only where the system allows to make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("no file system can be made here")
    try:
        (disk / "ballast").write_bytes(bytes(2 << 20))
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(shutil.which("mount") is None, reason="no file system can be made here")
async def test_a_really_full_disk_refuses_work_whole_reads_on_and_works_again_when_there_is_room(small_disk: Path) -> None:
    database = open_database(f"sqlite:///{small_disk / 'node.db'}")
    count, kept = "SELECT count(*) FROM t", 0

    def fill(tx: Connection) -> None:
        for _ in range(2):
            tx.execute(text("INSERT INTO t VALUES (randomblob(60000))"))

    await database.write(lambda tx: tx.execute(text("CREATE TABLE t (x BLOB)")))
    with pytest.raises(Refused, match="DELIVERY_STORE_UNAVAILABLE"):
        for _ in range(100):
            await database.write(fill)
            kept += 2
    assert kept > 0
    with pytest.raises(Refused, match="DELIVERY_STORE_UNAVAILABLE"):
        await database.write(fill)
    assert await database.read(lambda tx: tx.execute(text(count)).scalar_one()) == kept, "nothing half done, and readable"
    (small_disk / "ballast").unlink()
    await database.write(fill)
    assert await database.read(lambda tx: tx.execute(text(count)).scalar_one()) == kept + 2
    await database.close()


@pytest.mark.parametrize("mode", ["wal", "full"])
async def test_commits_survive_power_loss_by_setting(tmp_path: Path, mode: str) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    pragma = {"wal": "journal_mode", "full": "synchronous"}[mode]
    found = await database.write(lambda tx: tx.execute(text(f"PRAGMA {pragma}")).scalar_one())
    await database.close()
    assert found == {"wal": "wal", "full": 2}[mode]
