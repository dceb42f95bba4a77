"""Deletion by policy on both databases: what is old goes with its bytes, what stays still verifies, and each deletion can be proved."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio
from sqlalchemy import Connection, delete, func, insert, select, text, update
from tests.core.cases.builders import START, closed, moved

from province_node.backup import service
from province_node.store import delivery_of, metadata
from province_node.store.audit import log
from province_node.store.cases import store as cases
from province_node.store.retention import store
from twelve333.adapters.retention import Keeper, delete_told, policy_of
from twelve333.adapters.settings import Retention as Settings
from twelve333.adapters.sql import Database, open_database
from twelve333.adapters.sql import backup as copies
from twelve333.adapters.sql.confirmed import mark_confirmed
from twelve333.adapters.sql.delivery import Arrival, Inbound, delivery_tables
from twelve333.api.cases.v1 import events_pb2
from twelve333.core.audit.verifying import Verifier
from twelve333.core.cases.forgetting import forgotten, same_step
from twelve333.core.cases.messages import Arrived
from twelve333.core.cases.model import Case, Party
from twelve333.core.delivery.model import Envelope, OutboxHead, Reason, Receipt
from twelve333.core.retention import Run

TEXTS = ("three months of wages unpaid", "paid on Friday", "told with the call", "told and confirmed", "set aside by the inbox")
OLD = START + timedelta(days=1)
LATER = START + timedelta(days=800)
DELIVERY = delivery_of("320000")


@pytest_asyncio.fixture
async def keeper(database: Database, url: str) -> AsyncIterator[Keeper]:
    """A node's keeper at `LATER`, on a database with something old and something new of every kind."""
    settings = cast("Any", SimpleNamespace(retention=Settings(), database_url=url))
    kept = Keeper(settings, database, DELIVERY, store, log, lambda: LATER)
    await database.write(_fill)
    await database.write(_confirm_old)
    yield kept


def _case(case_id: str, days: int = 0) -> Case:
    desk = closed()
    assert desk.case
    later = timedelta(days=days)
    stamps = [replace(event.stamp, case_id=case_id, at=event.stamp.at + later) for event in desk.case.history]
    history = tuple(replace(event, stamp=stamp) for event, stamp in zip(desk.case.history, stamps, strict=True))
    return replace(desk.case, case_id=case_id, history=history)


def _fill(tx: Connection) -> None:
    DELIVERY.outbox.begin_epoch(tx, START)
    for case in (_case("old"), _case("held"), _case("new", 799)):
        cases.keep(tx, case, case.history)
    running = moved().case
    assert running
    cases.keep(tx, replace(running, case_id="open"), tuple(replace(e, stamp=replace(e.stamp, case_id="open")) for e in running.history))
    assert store.hold(tx, "held", "file-1", START) is None
    for moment, name in ((START, "old"), (LATER, "new")):
        _place_call(tx, f"call-{name}", moment)
        DELIVERY.outbox.append(tx, destination="310000", message=events_pb2.CaseTextsDeleted(case_ids=[f"{TEXTS[3]} {name}"]), now=moment)
        parked = metadata.tables["inbox_parked"]
        row = {"origin": "310000", "event_id": name, "epoch": 1, "sequence": 1, "type": "x", "payload": TEXTS[4].encode(), "code": "X"}
        tx.execute(insert(parked).values(row | {"occurred_at": moment, "parked_at": moment, "key": name}))


def _confirm_old(tx: Connection) -> None:
    _confirm(tx, 1, START)


def _confirm(tx: Connection, watermark: int, moment: datetime) -> None:
    receipt = Receipt("310000", DELIVERY.member, DELIVERY.outbox.epoch(tx), watermark, Reason.APPLIED)
    assert isinstance(DELIVERY.outbox.close(tx, receipt, "310000", moment), OutboxHead)
    mark_confirmed(tx, delivery_tables(metadata), moment)


def _place_call(tx: Connection, name: str, moment: datetime) -> None:
    handoffs = metadata.tables["handoffs"]
    names = ("region", "caller_region", "topic", "language", "state", "unit", "member", "offer_id", "target")
    row: dict[str, Any] = dict.fromkeys(names, "")
    row |= {"id": name, "from_unit": "", "visited": [], "reason": "", "last_resort": "", "placed_at": moment}
    tx.execute(insert(handoffs).values(row | {"context": [["question", TEXTS[2]]], "context_sha256": b"", "route": b""}))


async def _load(database: Database, case_id: str) -> Case:
    case = await database.read(lambda tx: cases.load(tx, case_id))
    assert case
    return case


def _counts(runs: Sequence[Run]) -> dict[str, int]:
    return {each.kind: each.count for run in runs for each in run.deleted}


async def test_what_is_old_goes_and_the_rest_stays(database: Database, keeper: Keeper) -> None:
    expected = {"cases": 1, "contexts": 1, "confirmed_events": 1, "parked_events": 1}
    assert {kind: count for kind, count in (await keeper.overdue()).items() if count} == expected
    assert _counts(await keeper.step()) == expected
    assert await keeper.step() == []
    assert (await _load(database, "old")) == forgotten(_case("old"))
    assert "wages" not in repr((await _load(database, "old")).summary)
    for name, days in (("held", 0), ("new", 799)):
        assert await _load(database, name) == _case(name, days)
    assert (await _load(database, "open")).summary == TEXTS[0]
    left = await database.read(lambda tx: (DELIVERY.parked.list(tx)[0], tx.scalars(select(metadata.tables["outbox"].c.occurred_at)).all()))
    assert [event.event_id for event in left[0]] == ["new"]
    assert START not in left[1]


async def test_a_case_that_went_on_without_us_is_over_for_us_with_the_last_step_we_know(database: Database, keeper: Keeper) -> None:
    moved_on = moved().case
    assert moved_on
    elsewhere = replace(moved_on, first_asked=Party("350100", "350000"), owner=Party("310000", "310000"), pending=None)

    def left(tx: Connection, name: str, days: int) -> None:
        steps = [
            replace(step, stamp=replace(step.stamp, case_id=name, at=step.stamp.at + timedelta(days=days))) for step in moved_on.history
        ]
        cases.keep(tx, replace(elsewhere, case_id=name, history=tuple(steps)), tuple(steps))

    for name, days in (("left", 0), ("left-lately", 799)):
        await database.write(partial(left, name=name, days=days))
    assert (await keeper.overdue())["cases"] == 2  # with the old one
    await keeper.step()
    assert (await _load(database, "left")).summary != TEXTS[0]
    for name in ("left-lately", "open"):
        assert (await _load(database, name)).summary == TEXTS[0]
    assert await keeper.check() is None
    at_hub = replace(keeper, delivery=SimpleNamespace(member="hub"))
    await database.write(partial(left, name="seen", days=0))
    assert (await at_hub.overdue())["cases"] == 0, "the hub hears of every step: what goes on is not over"
    assert (await keeper.overdue())["cases"] == 1
    told = events_pb2.CaseTextsDeleted(case_ids=["left-lately", "open"]).SerializeToString()
    for origin in ("310000", "350000"):  # only who was asked first has a say
        assert (await _load(database, "left-lately")).summary == TEXTS[0]
        inbound = Inbound(origin, 1, 1, "e", "t", "", told, LATER)
        await database.write(lambda tx, inbound=inbound: delete_told(store.at("320000"), log)(tx, inbound, LATER))  # type: ignore[misc]
    assert (await _load(database, "left-lately")).summary != TEXTS[0]
    assert (await _load(database, "open")).summary == TEXTS[0]


async def test_a_hold_that_is_released_ends_at_once(database: Database, keeper: Keeper) -> None:
    await keeper.step()
    assert await database.write(lambda tx: store.release(tx, "held")) is None
    assert _counts(await keeper.step()) == {"cases": 1}
    refusal = await database.write(lambda tx: store.release(tx, "held"))
    assert refusal and refusal.code.name == "RETENTION_HOLD_MISSING"
    refusal = await database.write(lambda tx: store.hold(tx, "nowhere", "file-1", START))
    assert refusal and refusal.code.name == "RETENTION_CASE_UNKNOWN"


async def test_each_deletion_is_in_the_audit_log_and_verifies(database: Database, keeper: Keeper) -> None:
    runs = await keeper.step()
    records = await database.read(lambda tx: log.list(tx, 0, 0))
    verifier = Verifier()
    assert [verifier.take(record) for record in records] == [None] * len(records)
    assert [(each.entry.action, each.entry.actor, each.entry.subject) for each in records] == [
        ("retention.run", "320000/policy", run.digest()) for run in runs
    ]
    assert await keeper.check() is None


FORGERIES = {
    "something overdue": (lambda tx: tx.execute(update(cases.cases).values(forgotten_at=None)), "RETENTION_OVERDUE"),
    "a report changed": (lambda tx: tx.execute(update(store.runs).values(report="[]")), "RETENTION_RUN_CHANGED"),
    "a report taken out": (lambda tx: tx.execute(delete(store.runs)), "RETENTION_RUN_MISSING"),
    "a record taken out": (lambda tx: tx.execute(delete(log.records)), "RETENTION_RUN_UNRECORDED"),
    "a case only called deleted": (
        lambda tx: tx.execute(update(cases.cases).where(cases.cases.c.case_id == "new").values(forgotten_at=LATER)),
        "RETENTION_TEXT_LEFT",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_is_not_as_it_was_told_is_found(database: Database, keeper: Keeper, forgery: str) -> None:
    await keeper.step()
    change, code = FORGERIES[forgery]
    await database.write(cast("Any", change))
    wrong = await keeper.check()
    assert wrong and wrong.code.name == code


async def test_late_repeats_of_what_was_deleted_have_no_effect(database: Database, keeper: Keeper) -> None:
    await keeper.step()
    whole = _case("old")
    for event in whole.history:
        arrived = Arrived(event, event.stamp.by.member)
        settled = await database.write(lambda tx, one=arrived: cases.receive(tx, one, LATER))
        assert settled.kept == ()
    assert await _load(database, "old") == forgotten(whole)
    other = replace(whole.history[0], summary="another text")
    assert not same_step(other, forgotten(whole).history[0])


async def test_an_event_is_known_after_what_it_said_is_deleted(database: Database, keeper: Keeper) -> None:
    event = Envelope("310000", "320000", 1, 1, "late", "cases", "twelve333.api.cases.v1.Unknown", OLD, b"x", "k", {})
    arrival = Arrival("310000", event)
    first = await database.write(lambda tx: DELIVERY.inbox.receive(tx, [arrival], {}, OLD))
    await keeper.step()
    again = await database.write(lambda tx: DELIVERY.inbox.receive(tx, [arrival], {}, LATER))
    assert (first.counts["parked"], again.counts["duplicates"], again.counts["parked"]) == (1, 1, 0)


async def test_others_are_told_and_delete_too_unless_they_hold_the_case(database: Database, keeper: Keeper) -> None:
    await keeper.step()
    outbox = metadata.tables["outbox"]
    rows = await database.read(lambda tx: tx.execute(select(outbox).where(outbox.c.occurred_at == LATER)).mappings().all())
    told = {row["destination"]: events_pb2.CaseTextsDeleted.FromString(row["payload"]) for row in rows if b"new" not in row["payload"]}
    assert {member: list(message.case_ids) for member, message in told.items()} == {"310000": ["old"], "hub": ["old"]}
    apply = delete_told(store, log)

    async def take(origin: str) -> None:
        message = events_pb2.CaseTextsDeleted(case_ids=["new", "held", "open", "old", "nowhere"]).SerializeToString()
        inbound = Inbound(origin, 1, 1, "e", "t", "", message, LATER)
        await database.write(lambda tx: apply(tx, inbound, LATER + timedelta(days=1)))

    await take("310000")  # was not asked first: has no say
    assert (await _load(database, "new")) == _case("new", 799)
    await take("320000")
    assert await _load(database, "new") == forgotten(_case("new", 799))
    assert await _load(database, "held") == _case("held")
    assert (await _load(database, "open")).summary == TEXTS[0]
    assert await keeper.check() is None


async def test_of_what_was_deleted_no_byte_is_left_in_the_files(database: Database, keeper: Keeper, url: str, tmp_path: Path) -> None:
    await database.write(lambda tx: store.release(tx, "held"))
    await database.write(lambda tx: tx.execute(delete(metadata.tables["case_steps"]).where(text("case_id IN ('new', 'open')"))))
    await database.write(lambda tx: tx.execute(delete(metadata.tables["cases"]).where(text("case_id IN ('new', 'open')"))))
    later = replace(keeper, clock=lambda: LATER + timedelta(days=100))
    await database.write(lambda tx: _confirm(tx, 2, LATER))
    if database.dialect == "sqlite":
        assert _left(tmp_path)
        await later.step()
        assert _left(tmp_path) == []
        return
    await later.run("command", "local_operator", compact=True)
    found = await database.read(lambda tx: [tx.scalar(select(func.count()).select_from(table)) for table in store.tables])
    assert found[3:5] == [2, 0]  # what tells others waits; what the server's own log holds is its administrator's


def _left(folder: Path) -> list[str]:
    return [f"{path.name}: {word}" for path in folder.iterdir() for word in TEXTS if word.encode() in path.read_bytes()]


async def test_erasing_waits_for_a_reader_and_is_done_the_next_time(
    database: Database, keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if database.dialect != "sqlite":
        pytest.skip("readers of PostgreSQL keep nothing from being vacuumed for good")
    monkeypatch.setattr("twelve333.adapters.sql.erasing.BUSY_SECONDS", 0.3)
    with closing(sqlite3.connect(tmp_path / "node.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM cases").fetchone()
        await keeper.step()
        assert "told with the call" in " ".join(await asyncio.to_thread(_left, tmp_path))
        reader.execute("ROLLBACK")
    await keeper.run("command", "local_operator", compact=True)
    assert (tmp_path / "node.db-wal").stat().st_size == 0


def test_every_personal_table_is_kept_to_a_policy() -> None:
    from twelve333.adapters.sql.fields import personal_columns

    assert {table.name for table in metadata.sorted_tables if personal_columns(table)} == {table.name for table in store.tables}
    assert set(policy_of(Settings()).days) == {"cases", "held_steps", "contexts", "confirmed_events", "parked_events"}


async def test_a_restored_backup_is_cleaned_again_at_the_next_start(database: Database, keeper: Keeper, tmp_path: Path) -> None:
    await copies.backup(database, service("320000"), tmp_path / "node.backup", START)
    first = await keeper.step()
    url = f"sqlite:///{tmp_path / 'restored.db'}"
    await copies.restore(tmp_path / "node.backup", url, service("320000"), LATER)
    restored = open_database(url)
    try:
        assert await _load(restored, "old") == _case("old")
        settings = cast("Any", SimpleNamespace(retention=Settings(), database_url=url))
        again = replace(keeper, database=restored, settings=settings)
        assert _counts(await again.step()) == _counts(first)
        assert await _load(restored, "old") == forgotten(_case("old"))
        assert await again.check() is None
    finally:
        await restored.close()
