"""The library over real processes: published at the hub as an operator types it, in sync at every node, answered from the replica."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.support.federation import PROVINCES, cli, one_federation
from tests.support.texts import policy_texts

from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.library_files import sample_entries
from twelve333.client import ServiceError
from twelve333.core.library.model import EntryKind

WITHIN_SECONDS = 20.0
POLL_SECONDS = 0.05

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


async def _number(node: Member) -> int:
    async with node.connect() as connection:
        try:
            return (await connection.library.release()).release.number
        except ServiceError as error:
            if error.code != "LIBRARY_NOTHING_APPLIED":
                raise
            return 0


async def _everybody_has(federation: Federation, number: int) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        for name in PROVINCES:
            while await _number(federation.nodes[name]) < number:
                await asyncio.sleep(POLL_SECONDS)


async def _everybody_reported(federation: Federation, number: int) -> None:
    async with asyncio.timeout(WITHIN_SECONDS), federation.hub.connect() as hub:
        wanted = {(name, number, "") for name in PROVINCES}
        while {(r.member, r.number, r.last_refusal) for r in (await hub.library.release()).replicas} != wanted:
            await asyncio.sleep(POLL_SECONDS)


async def _sample(federation: Federation) -> int:
    """The sample library is published and everywhere."""
    async with federation.hub.connect() as hub:
        published = await hub.library.publish(sample_entries())
    assert published.release is not None
    await _everybody_has(federation, published.release.number)
    return published.release.number


async def test_every_node_holds_the_release_that_was_published(federation: Federation) -> None:
    await _sample(federation)
    async with federation.hub.connect() as hub:
        wanted = (await hub.library.release()).release
    for name in PROVINCES:
        async with federation.nodes[name].connect() as node:
            held = await node.library.release()
            assert (held.release.root, held.release.number, held.last_refusal) == (wanted.root, wanted.number, "")
    await _everybody_reported(federation, wanted.number)


async def test_a_node_answers_a_two_character_and_a_spoken_question(federation: Federation) -> None:
    await _sample(federation)
    node = federation.nodes["360000"]
    async with node.connect(node.folder / "profiles" / "desk-1") as desk:
        injury = await desk.library.search("工伤", region="360400", limit=50)
        wages = await desk.library.search("我在外地打工老板不发工资怎么办", region="360400", limit=3)
        answer = await desk.library.get(wages.hits[0].entry.id)
    assert injury.total == len(injury.hits) >= 10
    assert all("工伤" in hit.title or "工伤" in hit.matched for hit in injury.hits)
    assert wages.hits[0].entry.id == "wages-away-unpaid"
    assert "监察" in answer.entry.body


async def test_a_desk_may_read_but_not_publish_and_a_node_may_not_either(federation: Federation) -> None:
    node = federation.nodes["350000"]
    async with node.connect(node.folder / "profiles" / "hub") as hub:
        with pytest.raises(ServiceError) as refused:
            await hub.library.publish(sample_entries()[:1])
    assert refused.value.code == "RPC_ROLE_DENIED"
    assert refused.value.__cause__.code() is grpc.StatusCode.PERMISSION_DENIED  # type: ignore[union-attr]


async def test_a_removed_entry_is_gone_from_every_node_until_it_returns(federation: Federation) -> None:
    await _sample(federation)
    instead = ("--reason", "merged", "--successor", "wages-withheld")
    removed = cli("library", "remove", "wages-crime", *instead, "--json", profile=federation.hub.profile)
    assert removed.code == 0, removed.err
    await _everybody_has(federation, json.loads(removed.out)["release"])
    shown = cli("library", "show", "wages-crime", profile=federation.nodes["320000"].profile)
    assert (shown.code, shown.out) == (1, "")
    assert "was merged into another entry" in shown.err and "wages-withheld" in shown.err
    for profile in (federation.nodes["320000"].profile, federation.hub.profile):
        assert "LIBRARY_ENTRY_MERGED" in cli("library", "show", "wages-crime", "--as-at", "2026-01-01", profile=profile).err
    await _sample(federation)
    assert cli("library", "show", "wages-crime", profile=federation.nodes["320000"].profile).code == 0


async def test_import_takes_what_is_in_order_and_names_what_is_not(federation: Federation, tmp_path: Path) -> None:
    folder = tmp_path / "350000"
    folder.mkdir()
    (folder / "福州市试行办法(2012-05-01).md").write_text("# 福州市试行办法\n\n第一条 关于失业登记的试行规定。\n", encoding="utf-8")
    (folder / "福州市试行办法(2014-01-01).md").write_text("# 福州市试行办法\n\n第一条 关于失业登记的规定。\n", encoding="utf-8")
    (folder / "没有标题.md").write_text("只有正文", encoding="utf-8")
    (folder / "乱码.md").write_bytes(b"\xff\xfe\x00")
    strict = cli("library", "import", tmp_path, "--strict", profile=federation.hub.profile)
    assert strict.code == 2
    assert "CLI_IMPORT_REJECTED" in strict.err
    taken = cli("library", "import", tmp_path, "--json", profile=federation.hub.profile)
    assert taken.code == 1
    answer = json.loads(taken.out)
    assert answer["added"] == 2
    assert {(one["file"], one["code"]) for one in answer["left_out"]} == {
        ("350000/没有标题.md", "LIBRARY_FILE_TITLE_MISSING"),
        ("350000/乱码.md", "LIBRARY_FILE_UNREADABLE"),
    }
    await _everybody_has(federation, answer["release"])
    profile = federation.nodes["230000"].profile
    now = json.loads(cli("library", "search", "失业登记的规定", "--region", "350100", "--limit", "1", "--json", profile=profile).out)
    then = json.loads(cli("library", "search", "试行规定", "--as-at", "2013-01-01", "--limit", "1", "--json", profile=profile).out)
    assert (now["hits"][0]["id"][-8:], now["hits"][0]["region"], now["hits"][0]["article"]) == ("20140101", "350100", "第一条")
    assert (then["hits"][0]["id"][-8:], then["as_at"], then["hits"][0]["notes"]) == ("20120501", "2013-01-01", [])
    assert then["hits"][0]["citation"].startswith("《福州市试行办法》第一条")
    assert then["hits"][0]["sentence"] == "关于失业登记的试行规定。"
    ended = json.loads(cli("library", "search", "试行规定", "--any-time", "--limit", "1", "--json", profile=profile).out)
    assert [note["caution"] for note in ended["hits"][0]["notes"]] == ["ended"]


async def test_the_real_policy_texts_are_taken_in_and_found(federation: Federation) -> None:
    folder = policy_texts()
    taken = cli("library", "import", folder, "--json", profile=federation.hub.profile)
    assert taken.code == 0, taken.err
    answer = json.loads(taken.out)
    assert answer["added"] + answer["unchanged"] == len(list(folder.rglob("*.md")))
    await _everybody_has(federation, answer["release"])
    node = federation.nodes["310000"]
    async with node.connect() as connection:
        found = await connection.library.search("停工留薪期", region="310000", kind=EntryKind.POLICY, limit=5)
    assert ("工伤保险条例", "第三十三条") in [(hit.title, hit.article) for hit in found.hits]


async def test_verify_ends_with_5_while_a_byte_is_flipped_and_with_0_once_it_is_mended(federation: Federation) -> None:
    number = await _sample(federation)
    node, damaged = federation.nodes["360000"], {"entry_id": "wages-away-unpaid", "part": "content"}
    _flip(node.folder / "node.db", damaged["entry_id"])
    table = cli("library", "verify", profile=node.profile)
    assert (table.code, "1 damaged" in table.out, damaged["entry_id"] in table.out) == (5, True, True), table.err
    found, mended, whole = _verified(node), _verified(node, "--repair"), _verified(node)
    assert found["wire_bytes"] <= 2048
    rows = [(one["exit"], one["release"], one["repaired"], one["damaged"]) for one in (found, mended, whole)]
    assert rows == [
        (5, number, 0, [{**damaged, "repaired": False}]),
        (0, number, 1, [{**damaged, "repaired": True}]),
        (0, number, 0, []),
    ]
    async with node.connect() as connection:
        assert "监察" in (await connection.library.get(damaged["entry_id"])).entry.body


def _flip(database: Path, entry_id: str) -> None:
    """Change one byte in the middle of an entry's content under the running node, as a disk does."""
    rows = "FROM library_contents WHERE row_id = (SELECT row_id FROM library_entries WHERE entry_id = ?)"
    with closing(sqlite3.connect(database, timeout=10)) as file, file:
        row_id, content = file.execute(f"SELECT row_id, content {rows}", (entry_id,)).fetchone()
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        file.execute("UPDATE library_contents SET content = ? WHERE row_id = ?", (changed, row_id))


def _verified(node: Member, *words: str) -> dict[str, Any]:
    """What `library verify` tells programs, and the exit code."""
    answer = cli("library", "verify", *words, "--json", profile=node.profile)
    return {**json.loads(answer.out), "exit": answer.code}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["publish"], 2, "CLI_NOTHING_TO_PUBLISH"),
        (["import", "/nowhere/at/all"], 2, "CLI_FILE_UNREADABLE"),
        (["search", "？"], 2, "LIBRARY_QUERY_EMPTY"),
        (["search", "工伤", "--as-at", "2010-13-01"], 2, "LIBRARY_DATE_MALFORMED"),
        (["search", "工伤", "--limit", "51"], 2, "COMMON_PAGE_TOO_LARGE"),
        (["remove", "nowhere", "--reason", "merged"], 2, "There is no entry “nowhere”"),
    ],
)
async def test_wrong_input_is_one_sentence_and_an_exit_code(federation: Federation, words: list[str], code: int, said: str) -> None:
    await _sample(federation)
    answer = cli("library", *words, profile=federation.hub.profile)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


async def test_lists_and_release_are_tables_or_json(federation: Federation) -> None:
    await _sample(federation)
    profile = federation.nodes["350000"].profile
    rows = json.loads(cli("library", "list", "--kind", "case", "--topic", "09", "--json", profile=profile).out)
    assert [row["id"] for row in rows] == ["case-file-jiujiang-fuzhou"]
    assert "case-file-jiujiang-fuzhou" in cli("library", "list", "--kind", "case", profile=profile).out
    release = json.loads(cli("library", "release", "--json", profile=profile).out)
    assert release["entries"] >= len(sample_entries())
    text = cli("library", "search", "工伤", "--limit", "2", profile=profile).out
    assert "found as typed in release" in text and "工伤" in text
    text = cli("library", "search", "工伤认定多少天内申请", profile=profile).out
    assert "found by the words of the question in release" in text
