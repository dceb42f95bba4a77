"""The audit log on both databases: one chain whoever writes, a record with what it tells of, and a lone one for a refusal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, insert, select, text

from province_node.store import metadata
from province_node.store.audit import log
from twelve333.adapters.audit import Auditor
from twelve333.adapters.sql import Database
from twelve333.core.audit.model import GENESIS, Entry, Head, chained
from twelve333.core.audit.verifying import Verifier
from twelve333.core.decision import Refused, refuse
from twelve333.core.identity import Caller, Role
from twelve333.core.ids import ID_MALFORMED

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
ENTRY = Entry(NOW, "desk", "350000/desk-1", "cases.read", "c1")


@pytest.fixture
def auditor(database: Database, monkeypatch: pytest.MonkeyPatch) -> Auditor:
    monkeypatch.setattr("twelve333.adapters.audit.current_caller", lambda: Caller(Role.DESK, "350000", "desk-1"))
    return Auditor(database, log, lambda: NOW)


async def _verified(database: Database) -> list[str]:
    verifier, outcomes = Verifier(), []
    for record in await database.read(lambda tx: log.list(tx, 0, 0)):
        assert verifier.take(record) is None
        outcomes.append(record.entry.outcome)
    return outcomes


async def test_many_writers_make_one_chain(database: Database) -> None:
    await asyncio.gather(*(database.write(lambda tx: log.append(tx, ENTRY)) for _ in range(100)))
    assert await _verified(database) == ["OK"] * 100
    assert (await database.read(log.head)).sequence == 100


async def test_what_is_refused_leaves_nothing_but_its_record(database: Database, auditor: Auditor) -> None:
    table = metadata.tables["epoch"]

    def work(tx: Connection) -> None:
        tx.execute(insert(table).values(member="350000", epoch=1, began_at=NOW))
        raise Refused(refuse(ID_MALFORMED, id="x"))

    with pytest.raises(Refused):
        await auditor.write("cases.OpenCase", "c1", work)
    assert await database.read(lambda tx: tx.execute(select(table)).all()) == []
    assert await _verified(database) == ["COMMON_ID_MALFORMED"]


async def test_a_look_is_recorded_also_when_nothing_was_there(database: Database, auditor: Auditor) -> None:
    assert await auditor.read("cases.read", "c1", lambda tx: "text") == "text"
    await auditor.read("cases.read", "c2", lambda tx: None)
    assert await _verified(database) == ["OK", "NOT_FOUND"]


async def test_a_head_that_contradicts_an_earlier_one_is_noticed_and_both_are_kept(database: Database) -> None:
    first = chained(ENTRY, Head(0, GENESIS))
    later = chained(ENTRY, Head(first.sequence, first.digest))
    heads = [Head(each.sequence, each.digest, told_at=NOW) for each in (first, later)]

    async def told(head: Head) -> bool:
        return await database.write(lambda tx: log.witness(tx, "320000", head, NOW))

    assert await told(heads[0]) is True
    assert await told(heads[1]) is True
    assert await told(heads[1]) is True
    assert await told(heads[0]) is False
    assert await told(Head(2, b"x" * 32)) is False
    assert await database.read(lambda tx: log.heads(tx, "320000")) == tuple(heads)


DAMAGES = {
    "altered": (["UPDATE audit SET subject = 'c2' WHERE sequence = 3"], "AUDIT_RECORD_CHANGED"),
    "hash altered too": (["UPDATE audit SET subject = 'c2', digest = previous WHERE sequence = 3"], "AUDIT_RECORD_CHANGED"),
    "taken out": (["DELETE FROM audit WHERE sequence = 3"], "AUDIT_RECORD_MISSING"),
    "first taken out": (["DELETE FROM audit WHERE sequence <= 3"], "AUDIT_RECORD_MISSING"),
    "changed places": (
        [f"UPDATE audit SET sequence = {new} WHERE sequence = {old}" for old, new in ((3, 99), (4, 3), (99, 4))],
        "AUDIT_RECORD_CHANGED",
    ),
    "cut": (["DELETE FROM audit WHERE sequence > 3"], "AUDIT_TAIL_CUT"),
    "emptied": (["DELETE FROM audit"], "AUDIT_TAIL_CUT"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_done_in_the_database_is_found_and_named(database: Database, damage: str) -> None:
    for number in range(6):
        await database.write(lambda tx, number=number: log.append(tx, replace(ENTRY, subject=f"a{number}")))
    witnessed = replace(await database.read(log.head), witness="350000")
    statements, code = DAMAGES[damage]
    for statement in statements:
        await database.write(lambda tx, statement=statement: tx.execute(text(statement)))
    verifier = Verifier([witnessed])
    found = [verifier.take(record) for record in await database.read(lambda tx: log.list(tx, 0, 0))]
    wrong = next(filter(None, found), None) or verifier.end()
    assert wrong
    assert wrong.code.name == code
    assert wrong.params["sequence"] == {"first taken out": "1", "emptied": "0"}.get(damage, "3")


async def test_a_log_goes_over_to_another_hash_and_verifies(database: Database) -> None:
    await database.write(lambda tx: log.append(tx, ENTRY))
    await database.write(lambda tx: log.using("sm3").append(tx, ENTRY))
    await database.write(lambda tx: log.append(tx, ENTRY))
    assert await _verified(database) == ["OK"] * 3


async def test_a_work_of_a_group_that_fails_leaves_no_gap_in_the_chain(database: Database) -> None:
    def fail(tx: Connection) -> None:
        log.append(tx, ENTRY)
        raise Refused(refuse(ID_MALFORMED, id="x"))

    works = [database.write(fail if number % 3 == 0 else lambda tx: log.append(tx, ENTRY)) for number in range(90)]
    done = await asyncio.gather(*works, return_exceptions=True)
    assert sum(isinstance(each, Refused) for each in done) == 30
    assert await _verified(database) == ["OK"] * 60


async def test_within_a_work_the_log_is_read_as_it_was_just_written(database: Database) -> None:
    def work(tx: Connection) -> tuple[int, int]:
        head = log.append(tx, ENTRY)
        assert log.head(tx) == head
        return log.append(tx, ENTRY).sequence, len(log.list(tx, 0, 0))

    assert await asyncio.gather(*(database.write(work) for _ in range(3))) == [(2, 2), (4, 4), (6, 6)]
