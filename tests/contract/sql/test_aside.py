"""What a unit of work computes keeps nobody waiting, whether it reads or writes, and what it raises reaches the caller."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from sqlalchemy import Connection, text
from tests.support.held import Held

from twelve333.adapters.sql import Database
from twelve333.adapters.sql.aside import aside


def _unit(tx: Connection, held: Held) -> int:
    before = tx.scalar(text("SELECT 1"))
    return aside(tx, held.holding(lambda: 3)) + (before or 0) + (tx.scalar(text("SELECT 2")) or 0)


@pytest.mark.parametrize("way", ["read", "write"])
async def test_the_loop_goes_on_while_a_unit_of_work_computes(database: Database, way: str) -> None:
    held = Held()
    working = asyncio.create_task(getattr(database, way)(partial(_unit, held=held)))
    await held.begun()
    held.go.set()
    async with asyncio.timeout(20):
        assert await working == 6


@pytest.mark.parametrize("way", ["read", "write"])
async def test_what_it_raises_reaches_the_caller_and_the_next_unit_works(database: Database, way: str) -> None:
    with pytest.raises(ZeroDivisionError):
        await getattr(database, way)(partial(aside, work=lambda: 1 // 0))
    assert await getattr(database, way)(lambda tx: tx.scalar(text("SELECT 7"))) == 7
