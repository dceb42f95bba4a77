"""`twelve333 doctor`, asked of services that run, and from the files of one that does not."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from tests.support.federation import cli, one_federation
from twelve333.cli.demo.federation import Federation

pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="session")]
COMMON = {"configuration", "certificate", "clock", "database", "disk", "broker", "directory", "library", "backlog", "copies"}


async def test_the_doctor_finds_each_part_of_a_node_and_of_the_hub_and_they_are_well(federation: Federation) -> None:
    for profile, more in ((federation.nodes["350000"].folder / "profiles" / "operator", {"hub"}), (federation.hub.profile, {"units"})):
        told = await asyncio.to_thread(cli, "doctor", "--json", profile=profile)
        found = {it["check"]: it for it in json.loads(told.out)}
        assert found.keys() == COMMON | more
        assert (told.code, [it for it in found.values() if it["level"] == "failed"]) == (0, [])
        assert found["database"]["level"] == found["broker"]["level"] == found["certificate"]["level"] == "ok"


async def test_from_the_files_of_a_node_that_does_not_run_what_is_wrong_is_named_and_ends_with_5(
    federation: Federation, tmp_path: Path
) -> None:
    made = federation.nodes["350000"].folder
    folder = tmp_path / "node"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("*.log"))
    well = await asyncio.to_thread(cli, "doctor", "--config", folder / "node.toml", "--json")
    levels = {it["check"]: it["level"] for it in json.loads(well.out)}
    assert (well.code, levels["broker"], levels["hub"], levels["clock"], levels["directory"]) == (0, "ok", "ok", "ok", "ok"), well.out
    settings = folder / "node.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("sqlite:///node.db", "sqlite:///gone.db"), encoding="utf-8")
    lost = await asyncio.to_thread(cli, "doctor", "--config", settings, "--json")
    found = {it["check"]: it for it in json.loads(lost.out)}
    assert (lost.code, found["database"]["level"], (folder / "gone.db").exists()) == (5, "failed", False), lost.out
    settings.write_text(settings.read_text(encoding="utf-8") + "\nnonsense = 1\n", encoding="utf-8")
    wrong = await asyncio.to_thread(cli, "doctor", "--config", settings)
    assert (wrong.code, "nonsense" in wrong.out) == (5, True)
