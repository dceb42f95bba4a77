"""A federation whose ministry and one province use SM2, SM3 and SM4, and another province the usual suite: they work as one."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio

from tests.support.federation import cli
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.cli.unit import sample_entries
from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import Case

NANJING, SHANGHAI = "320100", "310000"
TEXT = "养老保险断缴三个月"
WITHIN_SECONDS = 20.0

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180), pytest.mark.xdist_group("suites")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Hub and 江苏 with national ciphers, 上海 without."""
    heads = {"TWELVE333_AUDIT__HEAD_SECONDS": "0.2"}
    one = Federation(tmp_path_factory.mktemp("suites"), lambda *_args, **_params: None, heads, suites={"hub": "sm", "320000": "sm"})
    try:
        await one.start_hub()
        await one.add_nodes(["320000", SHANGHAI])
        async with one.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(one, version)
        yield one
    finally:
        await one.stop()


async def _reached(member: Connection, version: int) -> Case:
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            try:
                case = await member.cases.get("sm-case")
                if case.version >= version:
                    return case
            except ServiceError as error:
                if error.code != "CASES_NOT_FOUND":
                    raise


async def test_a_case_goes_between_provinces_of_different_suites(made: Federation) -> None:
    ours, theirs = (made.nodes[code].connect(made.nodes[code].folder / "profiles" / "desk-1") for code in ("320000", SHANGHAI))
    async with ours, theirs:
        case = await ours.cases.open(NANJING, topic="0301", region=SHANGHAI, summary=TEXT, case_id="sm-case")
        await ours.cases.transfer(case, SHANGHAI)
        taken = await theirs.cases.accept(await _reached(theirs, 2))
        await theirs.cases.answer(taken, TEXT)
        assert (await _reached(ours, 4)).answer == TEXT


async def _hub_was_told(made: Federation) -> None:
    """Steps reach the hub on a road of their own."""
    async with made.hub.connect() as hub:
        await _reached(hub, 4)


async def test_each_part_is_of_the_suite_that_was_chosen(made: Federation) -> None:
    await _hub_was_told(made)
    pins = {code: (made.nodes[code].folder / "pki" / "documents.pub").read_text(encoding="utf-8") for code in made.nodes}
    assert {len(bytes.fromhex(pin)) for pin in pins.values()} == {65}  # a point of SM2, pinned by both
    with closing(sqlite3.connect(made.hub.folder / "hub.db", timeout=10)) as hub:
        keys = {member: len(key) for member, key in hub.execute("SELECT member, public_key FROM encryption_keys")}
        assert hub.execute("SELECT DISTINCT suite FROM audit").fetchall() == [("sm3",)]
        marks = {bytes(step)[:2] for (step,) in hub.execute("SELECT step FROM case_steps")}
    assert keys == {"hub": 33, "320000": 33, SHANGHAI: 32}
    assert marks == {b"\x00\x02"}
    for code, suite, mark in (("320000", "sm3", b"\x00\x02"), (SHANGHAI, "sha256", b"\x00\x01")):
        with closing(sqlite3.connect(made.nodes[code].folder / "node.db", timeout=10)) as node:
            assert node.execute("SELECT DISTINCT suite FROM audit").fetchall() == [(suite,)]
            assert {bytes(step)[:2] for (step,) in node.execute("SELECT step FROM case_steps")} == {mark}


@pytest.mark.parametrize("province", ["320000", SHANGHAI])
async def test_audit_logs_of_both_suites_verify(made: Federation, province: str) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            answer = await asyncio.to_thread(cli, "audit", "verify", "--json", profile=made.nodes[province].profile)
            assert answer.code == 0, answer.err
            if json.loads(answer.out)["witnessed_heads"]:
                return
