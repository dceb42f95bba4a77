"""The audit log over real processes: steps and looks leave records, heads are witnessed, a byte flipped or a tail cut is found."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.federation import Answer, cli
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.unit import sample_entries
from twelve333.client import ServiceError
from twelve333.core.audit.model import GENESIS, Entry, Head, Record, chained

NANJING, PROVINCE, PEER = "320100", "320000", "310000"
WITHIN_SECONDS = 20.0

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180), pytest.mark.xdist_group("audit")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """A federation of two nodes: the log of one may be damaged, and heads are told at once."""
    surroundings = {"TWELVE333_AUDIT__HEAD_SECONDS": "0.2"}
    one = Federation(tmp_path_factory.mktemp("audited"), lambda *_args, **_params: None, surroundings)
    try:
        await one.start_hub()
        await one.add_nodes([PROVINCE, PEER])
        async with one.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(one, version)
        yield one
    finally:
        await one.stop()


async def verify(made: Federation, *more: object) -> Answer:
    return await asyncio.to_thread(cli, "audit", "verify", "--json", *more, profile=made.nodes[PROVINCE].profile)


async def code_of(made: Federation) -> str:
    answer = await verify(made)
    assert answer.code == 5
    return str(json.loads(answer.err)["error"]["message"] + json.loads(answer.err)["error"]["code"])


async def test_steps_looks_and_refusals_are_recorded_without_anything_personal(made: Federation) -> None:
    node = made.nodes[PROVINCE]
    async with node.connect(node.folder / "profiles" / "desk-1") as desk:
        await desk.cases.open(NANJING, topic="0301", region=NANJING, summary="金丝雀", case_id="a1")
        await desk.cases.get("a1")
        with pytest.raises(ServiceError):
            await desk.cases.open(NANJING, topic="0301", region=NANJING, summary="另一件", case_id="a1")
    async with node.connect() as operator:
        found = [(each.entry.actor, each.entry.action, each.entry.subject, each.entry.outcome) async for each in operator.audit.records()]
    who = f"{PROVINCE}/desk-1"
    assert found == [(who, "cases.OpenCase", "a1", "OK"), (who, "cases.read", "a1", "OK"), (who, "cases.OpenCase", "a1", "CASES_ID_TAKEN")]
    shown = await asyncio.to_thread(
        cli, "audit", "show", "--actor", "desk-1", "--action", "OpenCase", "--last", "1", "--json", profile=node.profile
    )
    assert [(each["sequence"], each["outcome"]) for each in json.loads(shown.out)] == [(3, "CASES_ID_TAKEN")]
    async with made.hub.connect() as hub:
        done = {(each.entry.action, each.entry.subject) async for each in hub.audit.records()}
    assert {("registration.token", PROVINCE), ("registration.join", PROVINCE)} <= done


async def test_hub_and_another_province_witness_the_log_and_it_verifies(made: Federation) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while json.loads((answer := await verify(made)).out or "{}").get("witnessed_heads", 0) < 2:
            assert answer.code == 0, answer.err
    said = json.loads(answer.out)
    assert (said["member"], said["records"], said["compared_with"], said["silent"]) == (PROVINCE, 3, ["hub", PEER], [])
    seen = await asyncio.to_thread(cli, "audit", "heads", PROVINCE, "--json", profile=made.nodes[PEER].profile)
    assert json.loads(seen.out)[-1]["sequence"] == 3


async def test_a_node_witnesses_the_hub(made: Federation, tmp_path: Path) -> None:
    heads = tmp_path / "heads.json"

    async def told() -> bool:
        answer = await asyncio.to_thread(cli, "audit", "heads", "hub", "--json", profile=made.nodes[PROVINCE].profile)
        heads.write_text(answer.out, encoding="utf-8")
        return bool(json.loads(answer.out))

    async with asyncio.timeout(WITHIN_SECONDS):
        while not await told():
            pass
    for more in (["--heads", heads], []):
        checked = await asyncio.to_thread(cli, "audit", "verify", "--json", *more, profile=made.hub.profile)
        said = json.loads(checked.out)
        assert (checked.code, said["witnessed_heads"] > 0, said["silent"]) == (0, True, [])
    assert set(said["compared_with"]) == {PROVINCE, PEER}


def _chained(rows: list[tuple[Any, ...]]) -> list[Record]:
    head, records = Head(0, GENESIS), []
    for at, role, actor, action, subject, outcome in rows:
        when = datetime.fromisoformat(at).replace(tzinfo=UTC)
        records.append(chained(Entry(when, role, actor, action, subject, outcome), head))
        head = Head(records[-1].sequence, records[-1].digest)
    return records


async def test_node_and_hub_together_cannot_write_the_log_anew(made: Federation) -> None:
    path, hub = made.nodes[PROVINCE].folder / "node.db", made.hub.folder / "hub.db"
    columns = "at, role, actor, action, subject, outcome"
    with closing(sqlite3.connect(path, timeout=10)) as database, closing(sqlite3.connect(hub, timeout=10)) as witness:
        rows = database.execute(f"SELECT {columns} FROM audit ORDER BY sequence").fetchall()
        true, forged = _chained(rows), _chained([(*row[:2], f"{PROVINCE}/nobody", *row[3:]) for row in rows])
        for records, outcome in ((true, ""), (forged, PEER), (true, "")):
            for each in records:
                values = (each.entry.actor, each.previous, each.digest, each.sequence)
                database.execute("UPDATE audit SET actor = ?, previous = ?, digest = ? WHERE sequence = ?", values)
                witness.execute(
                    "UPDATE audit_witnessed SET digest = ? WHERE member = ? AND sequence = ?", (each.digest, PROVINCE, each.sequence)
                )
            database.commit()
            witness.commit()
            if outcome:
                said = await code_of(made)
                assert "AUDIT_WITNESS_DIFFERS" in said and f"({outcome})" in said
            else:
                assert (await verify(made)).code == 0


async def test_a_flipped_byte_and_a_cut_tail_are_found(made: Federation) -> None:
    """Last, for it damages the log."""
    path = made.nodes[PROVINCE].folder / "node.db"
    with closing(sqlite3.connect(path, timeout=10)) as database:
        kept = database.execute("SELECT actor FROM audit WHERE sequence = 2").fetchone()[0]
        database.execute("UPDATE audit SET actor = ? WHERE sequence = 2", (f"{kept[:-1]}2",))
        database.commit()
        assert "Record 2" in await code_of(made)
        database.execute("UPDATE audit SET actor = ? WHERE sequence = 2", (kept,))
        database.commit()
        assert (await verify(made)).code == 0
        database.execute("DELETE FROM audit WHERE sequence = 3")
        database.commit()
    assert "AUDIT_TAIL_CUT" in await code_of(made)
    long_ago, ahead = "2020-01-01", datetime.now(UTC) + timedelta(days=1)

    async def holds_since() -> bool:
        """Once what was told before has arrived at all witnesses."""
        restored = await verify(made, "--restored-at", datetime.now(UTC).isoformat())
        return restored.code == 0 and json.loads(restored.out)["lost_heads"] > 0

    await until("what was witnessed before to count as lost", holds_since)
    assert (await verify(made, "--restored-at", long_ago)).code == 5
    assert (await verify(made, "--restored-at", ahead.isoformat(timespec="seconds"))).code == 2
