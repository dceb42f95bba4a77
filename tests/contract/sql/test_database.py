"""What every database promises to the stores on it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, MetaData, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from twelve333.adapters.sql import Database, delivery_tables, note, open_database
from twelve333.adapters.sql.database import Notes
from twelve333.core.decision import Kind, Refused
from twelve333.core.delivery.codes import STORE_CLOSED, STORE_URL_UNSUPPORTED

NOW = datetime(2026, 1, 5, 9, 30, 0, 123456, tzinfo=UTC)
TABLES = delivery_tables(MetaData())


def _keep(tx: Connection, name: str, at: datetime = NOW) -> str:
    tx.execute(insert(TABLES.epoch).values(member=name, epoch=1, began_at=at))
    return name


def _count(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(TABLES.epoch)).scalar_one()


async def test_a_write_is_kept_and_its_result_returned(database: Database) -> None:
    assert await database.write(lambda tx: _keep(tx, "a")) == "a"
    assert await database.read(_count) == 1


async def test_a_work_that_fails_leaves_nothing_and_its_neighbours_stay(database: Database) -> None:
    def work(number: int, tx: Connection) -> int:
        _keep(tx, f"m{number}")
        if number % 3 == 0:
            raise LookupError(number)
        return number

    outcomes = await asyncio.gather(*(database.write(lambda tx, n=n: work(n, tx)) for n in range(30)), return_exceptions=True)
    assert sum(isinstance(outcome, LookupError) for outcome in outcomes) == 10
    assert await database.read(_count) == 20


async def test_a_broken_rule_of_the_database_fails_only_its_own_work(database: Database) -> None:
    outcomes = await asyncio.gather(*(database.write(lambda tx: _keep(tx, "same")) for _ in range(5)), return_exceptions=True)
    assert sum(outcome == "same" for outcome in outcomes) == 1
    assert sum(isinstance(outcome, DBAPIError) for outcome in outcomes) == 4


async def test_a_work_sees_what_the_one_before_wrote(database: Database) -> None:
    def raise_by_one(tx: Connection) -> None:
        seen = tx.execute(select(TABLES.epoch.c.epoch).where(TABLES.epoch.c.member == "n")).scalar_one()
        tx.execute(TABLES.epoch.update().values(epoch=seen + 1))

    await database.write(lambda tx: _keep(tx, "n"))
    await asyncio.gather(*(database.write(raise_by_one) for _ in range(50)))
    assert await database.read(lambda tx: tx.execute(select(TABLES.epoch.c.epoch)).scalar_one()) == 51


async def test_two_openings_of_one_database_stay_in_step(database: Database, url: str) -> None:
    other = open_database(url)
    try:
        pairs = [one.write(lambda tx, n=n, k=k: _keep(tx, f"{k}-{n}")) for n in range(20) for k, one in enumerate((database, other))]
        await asyncio.gather(*pairs)
        assert await other.read(_count) == 40
    finally:
        await other.close()


async def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises((DBAPIError, Refused)):
        await database.read(lambda tx: _keep(tx, "a"))
    assert await database.read(_count) == 0


async def test_times_come_back_in_utc_to_the_microsecond(database: Database) -> None:
    beijing = NOW.astimezone(timezone(timedelta(hours=8)))
    await database.write(lambda tx: _keep(tx, "a", beijing))
    found = await database.read(lambda tx: tx.execute(select(TABLES.epoch.c.began_at)).scalar_one())
    assert found == NOW
    assert found.tzinfo is UTC


async def test_listeners_hear_of_noted_topics_after_the_commit(database: Database) -> None:
    heard: asyncio.Queue[Notes] = asyncio.Queue()
    database.after_commit(heard.put_nowait)

    def work(tx: Connection) -> None:
        _keep(tx, "a")
        note(tx, "outbox")

    await database.write(lambda tx: _keep(tx, "silent"))
    await database.write(work)
    assert await asyncio.wait_for(heard.get(), 5) == {"outbox": []}
    assert heard.empty()


async def test_a_closed_database_takes_no_more_work_and_keeps_what_it_took(url: str) -> None:
    database = open_database(url)
    taken = [asyncio.ensure_future(database.write(lambda tx, n=n: _keep(tx, f"m{n}"))) for n in range(20)]
    await asyncio.gather(*taken[:1])
    await database.close()
    assert len(await asyncio.gather(*taken)) == 20
    with pytest.raises(Refused) as caught:
        await database.write(_count)
    assert caught.value.refusal.code == STORE_CLOSED


async def test_a_caller_that_gives_up_disturbs_nobody(database: Database) -> None:
    gone = asyncio.ensure_future(database.write(lambda tx: _keep(tx, "gone")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await database.write(lambda tx: _keep(tx, "here")) == "here"


async def test_a_database_that_is_away_is_a_refusal_that_may_be_tried_again(empty_url: str, free_port: int) -> None:
    away = f"postgresql+asyncpg://x@127.0.0.1:{free_port}/x" if empty_url.startswith("postgresql") else "sqlite:////nowhere/at/all.db"
    database = open_database(away)
    for attempt in (database.write(_count), database.read(_count)):
        with pytest.raises(Refused) as caught:
            await attempt
        assert caught.value.refusal.code.kind is Kind.UNAVAILABLE
    await database.close()


async def test_lost_connections_heal_without_a_restart(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    await database.write(lambda tx: _keep(tx, "a"))
    await database.read(_count)
    cut = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    await database.write(lambda tx: tx.execute(cut).all())
    outcomes = [await asyncio.gather(database.write(lambda tx, n=n: _keep(tx, n)), return_exceptions=True) for n in ("b", "c", "d")]
    refused = [outcome for (outcome,) in outcomes if isinstance(outcome, Refused)]
    assert all(outcome.refusal.code.kind is Kind.UNAVAILABLE for outcome in refused)
    assert await database.write(lambda tx: _keep(tx, "e")) == "e"


def test_an_unknown_kind_of_database_is_refused() -> None:
    for url in ("mysql://x/y", "sqlite://", "not a url"):
        with pytest.raises(Refused) as caught:
            open_database(url)
        assert caught.value.refusal.code == STORE_URL_UNSUPPORTED
