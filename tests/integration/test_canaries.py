"""Nothing personal stays anywhere but where it is sealed: canaries through real processes, then a search of everything that was written.

Databases with their WAL, the broker's store, logs, traces and metrics (the console exporter writes them to the logs), profiles and settings
all lie in one folder; every file of it is searched. What a person is shown when something is refused is searched too.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.canaries import hits
from tests.support.federation import cli, one_federation
from twelve333.cli.demo.federation import Federation
from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import Case

NANJING, SHANGHAI, JIUJIANG, FUZHOU = "320100", "310000", "360400", "350100"
NAME, ID_NUMBER, PHONE, TEXT = "甄金丝雀", "350102199001017779", "13900017777", "养老保险断缴三个月的金丝雀"
ANSWER, REASON = "已补缴的金丝雀答复", "材料不齐的金丝雀理由"
CANARIES = (NAME, ID_NUMBER, PHONE, TEXT, ANSWER, REASON)
WITHIN_SECONDS = 20.0
POLL_SECONDS = 0.05

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


def desk(federation: Federation, province: str) -> Connection:
    node = federation.nodes[province]
    return node.connect(node.folder / "profiles" / "desk-1")


async def until(true: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not (answer := await true()):
            await asyncio.sleep(POLL_SECONDS)
    return answer


async def seen(member: Connection, version: int, case_id: str = "canary-case") -> Case | None:
    try:
        case = await member.cases.get(case_id)
    except ServiceError as error:
        if error.code != "CASES_NOT_FOUND":
            raise
        return None
    return case if case.version >= version else None


async def _tell(federation: Federation) -> list[str]:
    """A case that is refused, taken and answered, a call with its context, and what was said when something was refused."""
    summary, complaints = f"{NAME}，身份证 {ID_NUMBER}，电话 {PHONE}：{TEXT}", []
    async with desk(federation, "320000") as origin, desk(federation, "310000") as there:
        case = await origin.cases.open(NANJING, topic="0301", region=SHANGHAI, summary=summary, case_id="canary-case")
        await origin.cases.transfer(case, SHANGHAI)
        await there.cases.refuse(await until(lambda: seen(there, 2)), REASON)
        await origin.cases.transfer(await until(lambda: seen(origin, 3)), SHANGHAI)
        taken = await there.cases.accept(await until(lambda: seen(there, 4)))
        await there.cases.answer(taken, ANSWER)
        answered = await until(lambda: seen(origin, 6))
        assert (answered.summary, answered.answer) == (summary, ANSWER)
        assert REASON in {getattr(step, "reason", "") for step in answered.history}
        for words in (
            {"summary": summary * 200},
            {"summary": summary, "topic": NAME * 20},
            {"summary": summary, "region": ID_NUMBER},
            {"summary": summary, "case_id": NAME},
            {"summary": summary, "case_id": PHONE},
            {"summary": summary, "case_id": ID_NUMBER},
        ):
            with pytest.raises(ServiceError) as refused:
                await origin.cases.open(NANJING, **{"topic": "0301", "region": SHANGHAI, **words})
            complaints.append(f"{refused.value} {refused.value.sentence} {refused.value.violations}")
    return complaints


async def _call(federation: Federation) -> None:
    """A call that is under way, with what its caller told, when everything is searched."""
    told = {"name": NAME, "id_number": ID_NUMBER, "phone": PHONE, "question": TEXT}
    async with desk(federation, "360000") as origin, desk(federation, "350000") as there:
        placed = await origin.handoffs.place(JIUJIANG, FUZHOU, topic="0801", context=told, handoff_id="canary-call")
        assert placed.handoff.unit == FUZHOU

        async def context_there() -> object:
            return (await there.handoffs.get("canary-call")).context

        assert await until(context_there) == told
        assert (await origin.handoffs.get("canary-call")).context == told


async def test_what_callers_tell_is_found_nowhere_and_read_by_those_who_serve_them(federation: Federation) -> None:
    complaints = await _tell(federation)
    await _call(federation)
    async with federation.hub.connect() as hub:
        supervised = await until(lambda: seen(hub, 6))
    assert NAME in supervised.summary
    assert [word for word in CANARIES for said in complaints if word in said] == []
    receiver = federation.nodes["310000"].process.pid
    assert receiver
    os.kill(receiver, signal.SIGSTOP)  # what is for it stays with the broker while everything is searched
    try:
        await _wait_at_broker(federation)
        assert hits(federation.folder, CANARIES) == []
        _the_search_finds_what_is_there(federation.folder)
    finally:
        os.kill(receiver, signal.SIGCONT)
        async with desk(federation, "360000") as origin:
            await origin.handoffs.connected("canary-call")
            await origin.handoffs.completed("canary-call")
    async with desk(federation, "310000") as there:
        assert NAME in (await until(lambda: seen(there, 2, "canary-waiting"))).summary


async def test_backups_and_what_commands_print_hold_nothing_personal(federation: Federation, tmp_path: Path) -> None:
    """After the test before: its case is at both. A backup holds what is sealed as it is sealed, and no listing shows a text."""
    hub, node = federation.hub, federation.nodes["320000"]
    said = [
        await asyncio.to_thread(cli, "hub", "backup", tmp_path / "hub.backup", "--config", hub.folder / "hub.toml"),
        await asyncio.to_thread(cli, "node", "backup", tmp_path / "node.backup", "--config", node.folder / "node.toml"),
        await asyncio.to_thread(cli, "node", "retention", "show", "--config", node.folder / "node.toml"),
        await asyncio.to_thread(cli, "node", "retention", "run", "--dry-run", "--config", node.folder / "node.toml"),
        await asyncio.to_thread(cli, "node", "parked", "list", "--json", profile=node.profile),
        await asyncio.to_thread(cli, "node", "status", "--json", profile=node.profile),
        await asyncio.to_thread(cli, "case", "show", NAME, profile=node.profile),
        await asyncio.to_thread(cli, "case", "show", PHONE, "--json", profile=node.profile),
    ]
    assert [answer.code for answer in said[:6]] == [0] * 6, [answer.err for answer in said]
    for number, answer in enumerate(said):
        (tmp_path / f"said-{number}").write_text(answer.out + answer.err, encoding="utf-8")
    for name in ("hub.backup", "node.backup"):
        with gzip.open(tmp_path / name) as kept:
            (tmp_path / f"{name}.open").write_bytes(kept.read())
    assert hits(tmp_path, CANARIES) == []
    assert hits(tmp_path, ["canary-case"])


async def _wait_at_broker(federation: Federation) -> None:
    """Offer a case to the member that is stopped, until it lies in the broker's store."""
    store = federation.hub.folder / "broker" / "store"
    async with desk(federation, "320000") as origin:
        case = await origin.cases.open(NANJING, topic="0301", region=SHANGHAI, summary=f"{NAME} {TEXT}", case_id="canary-waiting")
        await origin.cases.transfer(case, SHANGHAI)

    async def stored() -> bool:
        return bool(hits(store, ["canary-waiting"]))

    await until(stored)


def _the_search_finds_what_is_there(folder: Path) -> None:
    """Names of things, which are no secret, stand in every place that is searched: so the search looks where it should."""
    where = {line.partition(":")[0] for line in hits(folder, ["canary-case", "canary-call", "canary-waiting"])}
    assert {"320000/node.db", "310000/node.db", "hub/hub.db"} <= {each.removesuffix("-wal") for each in where}
    assert any(each.startswith("hub/broker/store") for each in where)
    assert "CaseService/OpenCase" in (folder / "logs" / "320000.log").read_text(encoding="utf-8")


async def test_the_search_knows_the_ways_in_which_a_word_is_written(tmp_path: Path) -> None:
    ways = (NAME.encode(), base64.b64encode(b"ab" + NAME.encode() + b"c"), NAME.encode("unicode_escape"))
    for number, way in enumerate(ways):
        (tmp_path / str(number)).write_bytes(b"before " + way + b" after")
    assert hits(tmp_path, [NAME]) == [f"{number}: {NAME}" for number in range(3)]
