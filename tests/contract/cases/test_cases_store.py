"""The store of cases on both databases: what is kept comes back, arrivals settle once, listings page and filter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, func, select
from tests.core.cases.builders import FUZHOU, NANJING, SHANGHAI, START, Desk, answered, closed, offered, opening
from tests.support.postgres import Cluster

from twelve333.adapters.signing.fields import FieldCipher, add_key
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql.cases import CaseStore
from twelve333.core.cases.messages import Arrived
from twelve333.core.cases.model import Case, CaseFilter, Offer, Party, State
from twelve333.core.cases.replica import Settled
from twelve333.core.decision import Refused

NOW = START + timedelta(hours=1)


@pytest.fixture
def store() -> CaseStore:
    return CaseStore(MetaData())


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path, store: CaseStore) -> AsyncIterator[Database]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    url = cluster.create_database() if cluster else f"sqlite:///{tmp_path / 'cases.db'}"
    add_key(tmp_path / "fields.keys", "aes256gcm", NOW)
    opened = open_database(url, FieldCipher(tmp_path / "fields.keys"))
    await opened.write(lambda tx: store.cases.metadata.create_all(tx))
    try:
        yield opened
    finally:
        await opened.close()
        if cluster:
            cluster.drop_database(url)


def _of(desk: Desk) -> Case:
    assert desk.case
    return desk.case


async def test_a_case_comes_back_as_it_was_after_every_step(database: Database, store: CaseStore) -> None:
    whole = _of(closed())
    for event in whole.history:
        arrived = Arrived(event, event.stamp.by.member)
        settled = await database.write(lambda tx, one=arrived: store.receive(tx, one, NOW))
        assert settled.case == await database.read(lambda tx: store.load(tx, "c1"))
    assert await database.read(lambda tx: store.load(tx, "c1")) == whole
    assert await database.read(lambda tx: store.load(tx, "other")) is None


async def test_steps_in_any_order_settle_to_the_same_history(database: Database, store: CaseStore) -> None:
    whole = _of(closed())
    for number in (3, 1, 5, 2, 2, 4, 0, 0):
        event = whole.history[number]
        arrived = Arrived(event, event.stamp.by.member)
        await database.write(lambda tx, one=arrived: store.receive(tx, one, NOW))
    assert await database.read(lambda tx: store.load(tx, "c1")) == whole
    assert await database.read(lambda tx: _held(tx, store)) == 0


async def test_an_offer_brings_its_history_to_a_newcomer(database: Database, store: CaseStore) -> None:
    whole = _of(offered())
    arrived = Arrived(whole.history[-1], "320000", whole.history[:-1])
    settled = await database.write(lambda tx: store.receive(tx, arrived, NOW))
    assert settled == Settled(whole, whole.history)
    assert await database.read(lambda tx: store.load(tx, "c1")) == whole


async def test_a_step_that_breaks_the_contract_leaves_nothing_behind(database: Database, store: CaseStore) -> None:
    whole = _of(offered())
    await database.write(lambda tx: store.receive(tx, Arrived(whole.history[0], "320000"), NOW))
    with pytest.raises(Refused, match="CASES_NOT_THE_AUTHOR"):
        await database.write(lambda tx: store.receive(tx, Arrived(whole.history[1], "350000"), NOW))
    kept = await database.read(lambda tx: store.load(tx, "c1"))
    assert kept is not None
    assert kept.history == whole.history[:1]


async def test_listings_page_in_the_order_of_the_callers_deadlines(database: Database, store: CaseStore) -> None:
    desks = [Desk(now=START + timedelta(minutes=number % 3)) for number in range(7)]
    opened = [desk.done(opening(f"c{number}")) for number, desk in enumerate(desks)]
    for case in opened:
        await database.write(lambda tx, one=case: store.keep(tx, one, one.history))
    found, token = list[Case](), ""
    while True:
        page, token, total = await database.read(lambda tx, at=token: store.list(tx, CaseFilter(), 2, at))
        found += page
        assert total == 7
        if not token:
            break
    expected = sorted(opened, key=lambda case: (case.caller_due.at, case.case_id))
    assert found == [replace(case, history=()) for case in expected]


async def test_listings_filter_by_state_units_and_overdue(database: Database, store: CaseStore) -> None:
    for number, desk in enumerate([offered(), answered(), closed()]):
        case = replace(_of(desk), case_id=f"c{number}")
        history = tuple(replace(step, stamp=replace(step.stamp, case_id=case.case_id)) for step in case.history)
        await database.write(lambda tx, one=case, steps=history: store.keep(tx, one, steps))

    async def ids(wanted: CaseFilter) -> list[str]:
        found, _, total = await database.read(lambda tx: store.list(tx, wanted, 0, ""))
        assert total == len(found)
        return sorted(case.case_id for case in found)

    assert await ids(CaseFilter(state=State.OFFERED)) == ["c0"]
    assert await ids(CaseFilter(offered_to_unit=SHANGHAI)) == ["c0"]
    assert await ids(CaseFilter(owner_unit=SHANGHAI)) == ["c1", "c2"]
    assert await ids(CaseFilter(first_asked_unit=NANJING)) == ["c0", "c1", "c2"]
    assert await ids(CaseFilter(owner_unit=FUZHOU)) == []
    assert await ids(CaseFilter(overdue_at=START + timedelta(days=2))) == ["c0"], "only the owner of c0 is late"
    assert await ids(CaseFilter(overdue_at=START + timedelta(days=30))) == ["c0", "c1"], "nobody is late with a closed case"
    late = CaseFilter(overdue_at=START + timedelta(days=30))
    assert await ids(replace(late, party="320000")) == await ids(replace(late, party="310000")) == ["c0", "c1"]
    assert await ids(replace(late, party="350000")) == [], "who is no party is not told how it goes on"


@pytest.mark.parametrize(("size", "token"), [(1001, ""), (0, "nonsense"), (0, "2026-03-02T00:00:00|c1"), (0, "2026-03-02T00:00:00+00:00|")])
async def test_a_bad_page_is_refused(database: Database, store: CaseStore, size: int, token: str) -> None:
    with pytest.raises(Refused, match="CASES_FILTER_MALFORMED"):
        await database.read(lambda tx: store.list(tx, CaseFilter(), size, token))


def _held(tx: Connection, store: CaseStore) -> int:
    return tx.scalar(select(func.count()).select_from(store.held)) or 0


async def test_what_has_to_follow_its_unit_is_found_open_or_answered_and_by_who_has_to_act(database: Database, store: CaseStore) -> None:
    """`a`: open with 福州; `b`: answered, 南京 tells the caller; `c`: the same, and offered to 南京's own node; `d`: closed."""
    case_b, waits = _of(answered()), Offer(Party(NANJING, NANJING), NOW)
    cases = {
        "a": replace(_of(answered()), state=State.ACCEPTED, owner=Party(FUZHOU, "320000")),
        "b": case_b,
        "c": replace(case_b, pending=waits),
        "d": _of(closed()),
    }
    for case_id, case in cases.items():
        history = tuple(replace(event, stamp=replace(event.stamp, case_id=case_id)) for event in case.history)
        named = replace(case, case_id=case_id, history=history)
        await database.write(lambda tx, one=named: store.keep(tx, one, one.history))

    async def found(member: str, *served: str) -> list[str]:
        return [case.case_id for case in await database.read(lambda tx: store.to_follow(tx, member, served, 9))]

    assert await found("320000", NANJING, FUZHOU) == []
    assert await found("320000", FUZHOU) == ["b"]
    assert await found("320000") == ["a", "b"]
    assert await found(NANJING) == await found(NANJING, NANJING) == ["c"]
