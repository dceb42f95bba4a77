"""Proposals over real processes, as people type them: up through both reviews, back as a release; and with hub and broker away."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.federation import cli, one_federation

from twelve333.cli.demo.federation import Federation
from twelve333.client import ServiceError
from twelve333.core.library.model import Entry, EntryKind, Tombstone, TombstoneReason
from twelve333.core.library.proposals import State, Verdict

WITHIN_SECONDS = 20.0
POLL_SECONDS = 0.05
LAW = Entry(
    "federation-injury", EntryKind.QA, "工伤认定要多久", "职工应当在三十日内提出申请。\n\n单位不申请的，职工可以自己申请。", ("04",)
)

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(180), one_federation]


async def _until(ask: Any, done: Any) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not done(await ask()):
            await asyncio.sleep(POLL_SECONDS)


async def _published(federation: Federation) -> None:
    async with federation.hub.connect() as hub:
        number = (await hub.library.publish([LAW])).release.number  # type: ignore[union-attr]
    for name in ("350000", "360000"):
        async with federation.nodes[name].connect() as node:
            await _until(node.library.release, lambda held: held.release.number >= number)


async def test_a_desk_proposes_two_stages_review_and_another_province_reads_it(federation: Federation, tmp_path: Path) -> None:
    await _published(federation)
    node, hub = federation.nodes["350000"], federation.hub
    desk, second = node.folder / "profiles" / "desk-1", tmp_path / "second"
    assert cli("hub", "operator", "create", "second", "--directory", second, profile=hub.profile).code == 0
    drafted = cli("library", "draft", LAW.id, profile=desk)
    changed = tmp_path / "changed.md"
    changed.write_text(drafted.out.replace("三十日", "六十日"), encoding="utf-8")
    words = ("library", "propose", "-f", changed, "--change", LAW.id, "--unit", "350100", "--id", "350000-days", "--json")
    made = cli(*words, profile=desk)
    assert (made.code, json.loads(made.out)["state"]) == (0, "province_review"), made.err
    async with node.connect(desk) as author, node.connect() as operator:
        seen = (await author.proposals.get("350000-days")).proposal
        with pytest.raises(ServiceError, match="RPC_ROLE_DENIED"):
            await author.proposals.review(seen, Verdict.ACCEPT)
        await operator.proposals.review(seen, Verdict.ACCEPT)
    async with hub.connect() as ministry, hub.connect(second) as other:
        await _until(lambda: _listed(ministry), lambda found: "350000-days" in found)
        pending = cli("library", "proposal", "350000-days", profile=hub.profile)
        assert pending.code == 8 and "六十日" in pending.out and "三十日" in pending.out
        for reader in (ministry, other):
            seen = (await reader.proposals.get("350000-days")).proposal
            after = await reader.proposals.review(seen, Verdict.ACCEPT)
    assert after.published is not None
    async with federation.nodes["360000"].connect() as elsewhere, node.connect(desk) as mine:
        await _until(lambda: elsewhere.library.get(LAW.id), lambda held: "六十日" in held.entry.body)
        await _until(lambda: mine.proposals.get("350000-days"), lambda shown: shown.proposal.state is State.ACCEPTED)


async def test_a_proposal_goes_on_while_hub_and_broker_are_away(federation: Federation) -> None:
    await _published(federation)
    node = federation.nodes["350000"]
    await federation.stop_hub_and_broker()
    try:
        async with node.connect(node.folder / "profiles" / "desk-1") as desk, node.connect() as operator:
            removal = await desk.proposals.propose_removal(LAW.id, Tombstone(TombstoneReason.WITHDRAWN), proposal_id="350000-away")
            assert (await operator.proposals.review(removal.proposal, Verdict.ACCEPT)).state is State.MINISTRY_REVIEW
    finally:
        await federation.restart_hub_and_broker()
    async with federation.hub.connect() as hub:
        await _until(lambda: _listed(hub), lambda found: "350000-away" in found)
        seen = (await hub.proposals.get("350000-away")).proposal
        assert (await hub.proposals.review(seen, Verdict.RETURN, reason="保留")).state is State.RETURNED
    async with node.connect() as operator:
        told = operator.proposals.get
        await _until(lambda: told("350000-away"), lambda shown: shown.proposal.returned_because == "保留")


async def _listed(member: Any) -> set[str]:
    return {each.proposal_id async for each in member.proposals.list(to_review=True)}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["propose"], 2, "CLI_PROPOSE_WHAT"),
        (["task", "none", "--take", "mine"], 1, "LIBRARY_TASK_NOT_FOUND"),
        (["supplement", "drop", "none"], 1, "LIBRARY_SUPPLEMENT_NOT_FOUND"),
    ],
)
async def test_wrong_input_is_one_sentence_and_an_exit_code(federation: Federation, words: list[str], code: int, said: str) -> None:
    answer = cli("library", *words, profile=federation.nodes["350000"].profile)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
