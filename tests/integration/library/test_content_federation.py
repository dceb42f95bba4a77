"""Content over real processes, as an operator types it: in from files, mapped, fetched with its files, played, dated, and out again."""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from tests.support.federation import cli, one_federation

from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.library_files import sample_entries
from twelve333.core.library.model import LinkKind

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]
WITHIN_SECONDS = 40.0
SOUND = os.urandom((1 << 20) + 77)
PROMPT = (
    "---\nid: hold-music\nkind: prompt\ntitle: 等待音乐\ntopics: 99\nattachments: hold.wav\nreview_due: 2026-01-31\n---\n全国统一等待音乐。"
)
CASE = "---\nid: case-bad\nkind: case\ntitle: 典型案例\ntopics: 04\n---\n经过如下。\n来电人：张伟，手机13800138000。"
ROWS = [
    ["编号", "类别", "标题", "正文", "分类", "地区", "责任单位", "关联", "施行日期"],
    ["row-a", "问答", "厦门工伤窗口在哪", "在市民服务中心。", "GS-7", "350200", "350000", "interprets law-injury", ""],
    ["row-b", "问答", "题", "答", "04", "350200", "", "", "2016年3月"],
]


async def _until(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await wanted():
            await asyncio.sleep(0.1)


def _json(*words: object, profile: Path, code: int = 0) -> Any:
    answer = cli("library", *words, "--json", profile=profile)
    assert answer.code == code, answer.err or answer.out
    return json.loads(answer.out)


def _write(folder: Path) -> None:
    folder.mkdir()
    (folder / "hold.md").write_text(PROMPT, encoding="utf-8")
    (folder / "hold.wav").write_bytes(SOUND)
    (folder / "case.md").write_text(CASE, encoding="utf-8")
    with (folder / "问答.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(ROWS)


async def _holds(node: Member, entry_id: str) -> bool:
    async with node.connect() as connection:
        return any([stored.entry.id == entry_id async for stored in connection.library.list(region="350200")])


async def _plays(hub: Member, *, as_published: bool) -> bool:
    async with hub.connect() as connection:
        played = [one for one in await connection.library_blobs.playing() if one.member == "350000"]
        return [one.as_published for one in played] == [as_published]


async def test_content_goes_in_is_mapped_and_fetched_at_a_node_and_comes_out_again(federation: Federation, tmp_path: Path) -> None:
    hub, node = federation.hub.profile, federation.nodes["350000"].profile
    async with federation.hub.connect() as connection:
        await connection.library.publish(sample_entries())
    _write(tmp_path / "in")
    taken = _json("import", tmp_path / "in", profile=hub, code=1)
    assert (taken["added"], taken["queued"]) == (1, ["row-a"])
    assert [(one["file"], one["row"], one["column"], one["code"]) for one in taken["left_out"]] == [
        ("case.md", 0, "", "LIBRARY_CASE_NAMES_SOMEBODY"),
        ("问答.csv", 3, "valid_from", "LIBRARY_DATE_MALFORMED"),
    ]
    assert "张伟" not in json.dumps(taken, ensure_ascii=False)
    assert [(one["province"], one["topic"]) for one in _json("unmapped", profile=hub, code=8)] == [("350000", "GS-7")]
    assert _json("map", "GS-7", "0401", "--province", "350000", profile=hub)["published"] == 1

    await _until(lambda: _holds(federation.nodes["350000"], "row-a"))
    (tmp_path / "out").mkdir()
    assert cli("library", "fetch", "hold-music", "--to", tmp_path / "out", profile=node).code == 0
    assert (tmp_path / "out" / "hold.wav").read_bytes() == SOUND
    assert [path.name for path in (tmp_path / "out").glob("*")] == ["hold.wav"]

    async with federation.nodes["350000"].connect() as desk:
        law = await desk.library.get("law-injury")
        assert (LinkKind.INTERPRETS, "row-a") in [(one.kind, one.entry_id) for one in law.known]
        assert len(await desk.library_content.versions("row-a")) == 1  # a node asks the hub
        assert not await desk.library_blobs.report_playing("hold-music", bytes(32))
        await _until(lambda: _plays(federation.hub, as_published=False))
        assert "350000" in [one["member"] for one in _json("playing", profile=hub, code=5)]
        assert await desk.library_blobs.report_playing("hold-music", sha256(SOUND).digest())
        await _until(lambda: _plays(federation.hub, as_published=True))
    assert [one["id"] for one in _json("due", "--until", "2026-01-31", profile=node)] == ["hold-music"]

    for name, format in {"a.json": "json", "site": "html"}.items():
        assert _json("export", tmp_path / name, "--format", format, "--topic", "0401", profile=node)["entries"] > 10
    record = next(one for one in json.loads((tmp_path / "a.json").read_text())["entries"] if one["id"] == "row-a")
    assert record["taxonomy_terms"] == [{"code": "0401"}]
    assert record["provenance"][-1]["step"] == "mapped" and record["provenance"][0]["reference"] == "问答.csv"
    assert (tmp_path / "site" / "row-a.html").exists()
