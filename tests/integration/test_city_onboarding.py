"""A city joins as its user sees it: file, proofs with a real test call both ways, approvals, open; each step says the next command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.federation import Answer, cli, one_federation
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import until
from twelve333.core.doctor.examinations import NODE_CHECKS
from twelve333.core.doctor.model import Level
from twelve333.core.library.model import EntryKind
from twelve333.core.library.pieces import plays

pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="session")]
SHUANGYASHAN, PROVINCE = "230500", "230000"
CONTACT = "contact: {office: 双鸭山市社保中心, telephone: 'tel:0469-12333'}\ncity_hotline: sub_centre\n"


class User:
    """Types `twelve333 unit …` with one profile."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile

    async def types(self, *words: object, ends: int = 0) -> dict[str, Any]:
        """What it prints, once it ends as expected."""
        done: Answer = await asyncio.to_thread(cli, "unit", *words, "--json", profile=self._profile)
        assert done.code == ends, (words, done)
        found: dict[str, Any] = json.loads(done.out or done.err)
        return found


async def counted(federation: Federation) -> list[int]:
    """How many handoffs each of the two nodes and the hub know."""
    found = []
    for member in (PROVINCE, "310000"):
        async with federation.nodes[member].connect() as node:
            found.append(len(await node.handoffs.list()))
    return found


async def hub_reached(federation: Federation) -> None:
    """Wait until the province's node has the hub again, should a test before have stopped it: a node tries anew after 5 s at most."""
    async with federation.nodes[PROVINCE].connect() as node:

        async def reached() -> bool:
            return next(check.level for check in await node.doctor.examine() if check.name == "hub") is Level.OK

        await until("the hub, from the node", reached)


def write_prompt(folder: Path) -> None:
    """A prompt of the ministry's with its sound, as it is imported."""
    folder.mkdir()
    (folder / "welcome.wav").write_bytes(b"RIFF")
    text = "---\nid: welcome\nkind: prompt\ntitle: 欢迎词\ntopics: 99\nattachments: welcome.wav\n---\n您好，这里是12333。"
    (folder / "welcome.md").write_text(text, encoding="utf-8")


async def telephone_reports(federation: Federation, unit: str) -> None:
    """A telephone system plays what is published, and says so, for a unit or (empty) for nobody by name; until the hub has heard it."""
    async with federation.nodes[PROVINCE].connect() as desk, federation.hub.connect() as hub:

        async def published() -> dict[str, bytes]:
            found = [stored.entry async for stored in desk.library.list(kind=EntryKind.PROMPT)]
            return {entry.id: sound for entry in found if (sound := plays(entry))}

        async def arrived() -> bool:
            held = (await desk.registration.node_status()).library_release
            return bool(held) and "welcome" in await published()

        await until("the prompt at the node", arrived)
        wanted = await published()
        named, profile = ("--unit", unit) if unit else (), federation.nodes[PROVINCE].profile
        for name, sound in wanted.items():
            told = await asyncio.to_thread(cli, "library", "report-playing", name, sound.hex(), *named, profile=profile)
            assert told.code == 0, told

        async def heard() -> bool:
            ours = [one for one in await hub.library_blobs.playing() if (one.member, one.unit) == (PROVINCE, unit)]
            return {one.entry_id: one.as_published for one in ours} == dict.fromkeys(wanted, True)

        await until("the report at the hub", heard)


async def test_a_city_joins_from_its_file_to_open_with_proofs_and_both_approvals(federation: Federation, tmp_path: Path) -> None:
    profiles = federation.nodes[PROVINCE].folder / "profiles"
    city, operator, ministry = User(profiles / "hub"), User(profiles / "operator"), User(federation.hub.profile)
    file, prompts = tmp_path / "unit.yaml", tmp_path / "prompts"
    write_prompt(prompts)
    imported = await asyncio.to_thread(cli, "library", "import", prompts, profile=federation.hub.profile)
    assert imported.code == 0, imported.err or imported.out
    template = await asyncio.to_thread(cli, "unit", "template", SHUANGYASHAN, profile=profiles / "hub")
    file.write_text(template.out + CONTACT, encoding="utf-8")
    assert "unit verify" in (await city.types("apply", "-f", file))["next"]
    before = await counted(federation)
    await hub_reached(federation)
    half = await operator.types("verify", SHUANGYASHAN, "--prompts", prompts, ends=5)
    assert half["failed"] == ["prompts"], "what an operator says counts no more"
    doctor = next(row for row in half["proofs"] if row["proof"] == "doctor")
    assert set(doctor["checks"]) == NODE_CHECKS and "failed" not in doctor["checks"].values()
    assert "seen by hub: reached, certificate, clock" in doctor["detail"]
    await telephone_reports(federation, "")
    assert (await operator.types("verify", SHUANGYASHAN, ends=5))["failed"] == ["prompts"], "whose telephone system it is nobody said"
    await telephone_reports(federation, SHUANGYASHAN)
    proved = await operator.types("verify", SHUANGYASHAN)
    assert (proved["status"], {row["result"] for row in proved["proofs"]}) == ("verified", {"ok"})
    assert await counted(federation) == before, "a test call counts nowhere"
    assert (await city.types("open", SHUANGYASHAN, ends=8))["waits_for"] == "province"
    assert (await ministry.types("approve", SHUANGYASHAN, ends=1))["error"]["code"] == "REGISTRATION_APPROVAL_TURN"
    assert (await operator.types("approve", SHUANGYASHAN, ends=8))["waits_for"] == "ministry"
    assert (await ministry.types("approve", SHUANGYASHAN))["status"] == "open"
    shown = await city.types("show", SHUANGYASHAN)
    assert (shown["city_hotline"], [step["stage"] for step in shown["steps"]][-2:]) == ("sub_centre", ["verified", "open"])
    assert shown["steps"][-1]["approvals"] == [f"province: {PROVINCE}/operator", "ministry: hub/operator"]
    assert (await city.types("close", SHUANGYASHAN))["status"] == "closed", "other tests count what is open"
    assert {row["proof"] for row in shown["evidence"]} == {"certificate", "doctor", "test_call", "prompts", "hours", "contact"}


async def test_only_the_operator_of_its_node_proves_a_unit(federation: Federation) -> None:
    profiles = federation.nodes[PROVINCE].folder / "profiles"
    assert (await User(profiles / "desk-1").types("verify", SHUANGYASHAN, ends=4))["error"]["code"] == "RPC_ROLE_DENIED"
    assert (await User(profiles / "operator").types("verify", "350100", ends=4))["error"]["code"] == "REGISTRATION_UNIT_NOT_YOURS"
    assert (await User(profiles / "hub").types("verify", SHUANGYASHAN, ends=2))["error"]["code"] == "CLI_UNIT_VERIFY_AT_NODE"
    foreign = await asyncio.to_thread(
        cli, "library", "report-playing", "welcome", "00" * 32, "--unit", "350100", "--json", profile=profiles / "desk-1"
    )
    assert (foreign.code, json.loads(foreign.err)["error"]["code"]) == (4, "LIBRARY_PLAYING_NOT_SERVED")
