"""A database file with a wrong bit is named and not used: not at start, and not while a service runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from twelve333.adapters.sql import migrate, open_database
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import STORE_DAMAGED

ROWS = 2_000
PAGE_BYTES = 4096


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file of many pages, all of them in the file and none in its journal."""
    file = tmp_path / "some.db"
    database = open_database(f"sqlite:///{file}")
    await database.write(lambda tx: tx.execute(text("CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT)")))
    await database.write(lambda tx: tx.execute(text("INSERT INTO t VALUES (:x, :y)"), [{"x": n, "y": "y" * 50} for n in range(ROWS)]))
    await database.close()
    assert file.stat().st_size > 10 * PAGE_BYTES
    return file


def flip(path: Path) -> None:
    """The lowest bit of the first byte of a page in the middle: what kind of page it is."""
    data = bytearray(path.read_bytes())
    data[len(data) // PAGE_BYTES // 2 * PAGE_BYTES] ^= 1
    path.write_bytes(data)


async def test_a_flipped_bit_is_found_before_a_service_starts(path: Path) -> None:
    assert migrate.check_sound(f"sqlite:///{path}") is None
    flip(path)
    refusal = migrate.check_sound(f"sqlite:///{path}")
    assert refusal is not None and refusal.code == STORE_DAMAGED


async def test_what_runs_into_a_damaged_page_is_told_so(path: Path) -> None:
    flip(path)
    database = open_database(f"sqlite:///{path}")
    for ask in (database.read, database.write):
        with pytest.raises(Refused) as refused:
            await ask(lambda tx: tx.execute(text("SELECT sum(length(y)) FROM t")).scalar_one())
        assert refused.value.refusal.code == STORE_DAMAGED
    await database.close()
