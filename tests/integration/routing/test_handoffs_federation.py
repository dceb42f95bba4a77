"""Calls handed from node to node over real processes: context, refusals, hung peers, an absent hub, the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.federation import cli, one_federation

from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.client import Connection, ServiceError
from twelve333.client.handoffs import HandoffView, new_id
from twelve333.core.coverage.model import Told, Verdict
from twelve333.core.registration.model import UnitStatus
from twelve333.core.routing.machine import HandoffState
from twelve333.core.routing.model import LastResortKind

JIUJIANG, FUZHOU, XIAMEN, PUTIAN, FUJIAN, NANJING = "360400", "350100", "350200", "350300", "350000", "320100"
CONTEXT = {"question": "毕业生档案在哪里", "told_so_far": "已查九江，无"}
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


async def steps_at_hub(federation: Federation, handoff_id: str) -> list[str]:
    path = next(federation.hub.folder.rglob("*.db"))
    query = "SELECT state FROM handoff_steps WHERE handoff_id = ? ORDER BY number"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute(query, (handoff_id,))]


def states(view: HandoffView) -> list[tuple[str, str, str]]:
    return [(step.state.value, step.unit, step.reason) for step in view.handoff.steps]


async def test_a_caller_in_jiujiang_is_served_by_fuzhou_and_never_repeats_himself(federation: Federation) -> None:
    async with desk(federation, "360000") as origin, desk(federation, "350000") as there:
        whole = {**CONTEXT, "bank_card": "6222021234567890128"}
        placed = await origin.handoffs.place(JIUJIANG, FUZHOU, topic="0801", caller_region=JIUJIANG, context=whole)
        name = placed.handoff.call.id
        assert (placed.context, placed.withheld) == (whole, ("bank_card",))  # a transfer of pension rights needs no card
        assert states(placed) == [("offered", FUZHOU, ""), ("accepted", FUZHOU, "")]
        assert placed.handoff.target.startswith("sip:")
        assert placed.handoff.call.visited == (JIUJIANG,)

        async def context_there() -> object:
            return (await there.handoffs.get(name)).context

        assert await until(context_there) == CONTEXT
        known = await there.handoffs.get(name)
        assert known.incoming and [step.state for step in known.handoff.steps] == [HandoffState.ACCEPTED]
        await origin.handoffs.connected(name)
        done = await origin.handoffs.completed(name)
        assert done.handoff.state is HandoffState.COMPLETED

        async def over_there() -> bool:
            seen = await there.handoffs.get(name)
            return seen.handoff.state is HandoffState.COMPLETED and not seen.context

        assert await until(over_there)
        assert (await origin.handoffs.get(name)).context == {}

    async def told() -> bool:
        return await steps_at_hub(federation, name) == ["offered", "accepted", "connected", "completed"]

    assert await until(told)


async def test_a_call_within_the_province_needs_no_other_node(federation: Federation) -> None:
    async with desk(federation, "350000") as node:
        placed = await node.handoffs.place(XIAMEN, FUZHOU, context=CONTEXT)
        assert placed.handoff.state is HandoffState.ACCEPTED
        await node.handoffs.connected(placed.handoff.call.id)
        await node.handoffs.completed(placed.handoff.call.id)


async def test_the_same_request_gets_the_same_answer_and_an_id_is_not_used_twice(federation: Federation) -> None:
    async with desk(federation, "360000") as origin:
        name = new_id()
        asked = [origin.handoffs.place(JIUJIANG, FUZHOU, handoff_id=name) for _ in range(3)]
        first, *others = await asyncio.gather(*asked)
        assert [other.handoff for other in others] == [first.handoff] * 2
        with pytest.raises(ServiceError) as refused:
            await origin.handoffs.place(JIUJIANG, XIAMEN, handoff_id=name)
        assert refused.value.code == "ROUTING_HANDOFF_OTHER_CONTENT"
        back = await origin.handoffs.returned(name, "NO_ANSWER")
        assert (back.handoff.state, back.handoff.reason) == (HandoffState.RETURNED, "NO_ANSWER")


async def test_a_full_unit_refuses_and_the_call_goes_to_its_parent(federation: Federation) -> None:
    async with desk(federation, "360000") as origin:
        placed = [await origin.handoffs.place(JIUJIANG, PUTIAN)]
        while placed[-1].handoff.unit == PUTIAN:
            placed.append(await origin.handoffs.place(JIUJIANG, PUTIAN))
        over = placed[-1]
        # It is asked and refuses, or it is known by then that it has no room for us.
        asked = [("offered", PUTIAN, ""), ("refused", PUTIAN, "ROUTING_NO_SEAT_FREE")]
        assert states(over) in [[*first, ("offered", FUJIAN, ""), ("accepted", FUJIAN, "")] for first in (asked, [])]

        verdicts = [candidate.verdict for candidate in (await origin.routing.explain(PUTIAN)).candidates]
        assert verdicts in ([Verdict.RECENTLY_REFUSED, Verdict.CHOSEN], [Verdict.FULL, Verdict.CHOSEN])
        for view in placed:
            await origin.handoffs.returned(view.handoff.call.id, "TEST_OVER")


async def test_a_call_to_a_suspended_unit_goes_to_its_parent_with_the_reason(federation: Federation) -> None:
    async with federation.hub.connect() as hub, desk(federation, "360000") as origin:
        _, version = await hub.registration.change_status(XIAMEN, UnitStatus.SUSPENDED)
        await everybody_has_directory(federation, version)
        try:
            placed = await origin.handoffs.place(JIUJIANG, XIAMEN)
            assert placed.handoff.route is not None
            assert [(c.unit, c.verdict) for c in placed.handoff.route.candidates] == [
                (XIAMEN, Verdict.SUSPENDED),
                (FUJIAN, Verdict.CHOSEN),
            ]
            assert (placed.handoff.unit, placed.handoff.state) == (FUJIAN, HandoffState.ACCEPTED)
            await origin.handoffs.returned(placed.handoff.call.id, "TEST_OVER")
        finally:
            _, version = await hub.registration.change_status(XIAMEN, UnitStatus.OPEN)
            await everybody_has_directory(federation, version)


async def test_where_nobody_answers_the_last_resort_is_named_and_recorded(federation: Federation) -> None:
    async with desk(federation, "360000") as origin:
        placed = await origin.handoffs.place(JIUJIANG, "230300")
        assert states(placed) == [("last_resort", "", "ROUTING_NOBODY_TOOK_IT")]
        assert placed.handoff.last_resort is not None
        assert placed.handoff.last_resort.kind is LastResortKind.CASE


async def test_a_hung_peer_costs_its_share_once_and_then_a_breaker_opens(federation: Federation) -> None:
    process = federation.nodes["310000"].process
    async with desk(federation, "360000") as origin:
        warm = await origin.handoffs.place(JIUJIANG, "310000")
        await origin.handoffs.returned(warm.handoff.call.id, "TEST_OVER")
        os.kill(process.pid, signal.SIGSTOP)
        try:
            hung = await origin.handoffs.place(JIUJIANG, "310000")
            assert states(hung)[:2] == [("offered", "310000", ""), ("expired", "310000", "ROUTING_ANSWER_TOO_LATE")]
            assert hung.handoff.last_resort is not None
            took = hung.handoff.steps[1].at - hung.handoff.steps[0].at
            assert took.total_seconds() < 0.8
            after = await origin.handoffs.place(JIUJIANG, "310000")
            assert after.handoff.route is not None
            assert [candidate.verdict for candidate in after.handoff.route.candidates] == [Verdict.UNREACHABLE]
        finally:
            os.kill(process.pid, signal.SIGCONT)

        async def healed() -> bool:
            again = await origin.handoffs.place(JIUJIANG, "310000")
            return again.handoff.state is HandoffState.ACCEPTED and bool(await origin.handoffs.returned(again.handoff.call.id, "TEST_OVER"))

        assert await until(healed)


async def test_with_hub_and_broker_away_calls_go_on_and_are_told_afterwards(federation: Federation) -> None:
    async with desk(federation, "320000") as origin:
        await federation.stop_hub_and_broker()
        try:
            placed = await origin.handoffs.place(NANJING, FUZHOU, context=CONTEXT)
            name = placed.handoff.call.id
            assert placed.handoff.state is HandoffState.ACCEPTED
            await origin.handoffs.connected(name)
            await origin.handoffs.completed(name)
        finally:
            await federation.restart_hub_and_broker()

    async def told() -> bool:
        return await steps_at_hub(federation, name) == ["offered", "accepted", "connected", "completed"]

    assert await until(told)


async def test_only_the_origin_puts_through_and_only_its_own_units_hand_on(federation: Federation) -> None:
    async with desk(federation, "360000") as origin, desk(federation, "350000") as there:
        placed = await origin.handoffs.place(JIUJIANG, FUZHOU)
        name = placed.handoff.call.id
        for wrong, code in [
            (lambda: there.handoffs.connected(name), "ROUTING_HANDOFF_NOT_YOURS"),
            (lambda: there.handoffs.completed(name), "ROUTING_HANDOFF_STEP"),
            (lambda: origin.handoffs.completed("unheard-of"), "ROUTING_HANDOFF_UNKNOWN"),
            (lambda: origin.handoffs.completed(name), "ROUTING_HANDOFF_STEP"),
            (lambda: origin.handoffs.place(FUZHOU, JIUJIANG), "ROUTING_FROM_UNIT_NOT_HERE"),
            (lambda: origin.handoffs.place(JIUJIANG, "12"), "COMMON_UNIT_CODE_MALFORMED"),
            (lambda: origin.handoffs.place(JIUJIANG, FUZHOU, context={"Q": ""}), "ROUTING_CONTEXT_TOO_LARGE"),
        ]:
            with pytest.raises(ServiceError) as refused:
                await wrong()
            assert refused.value.code == code
        await origin.handoffs.returned(name, "TEST_OVER")


async def test_hub_and_node_give_the_same_coverage(federation: Federation) -> None:
    async with federation.hub.connect() as hub, desk(federation, "350000") as node:
        report = await hub.coverage.report()
        assert report == await node.coverage.report()
        assert (report.total.units, report.total.open, report.total.with_system) == (366, 319, 267)
        assert (report.short_of_open, report.short_of_with_system) == (21, 33)
        answer = await hub.coverage.resolve("350102", topic="01")
        assert answer == await node.coverage.resolve("350102", topic="01")
        assert answer.unit == FUZHOU


def typed(federation: Federation, province: str, *words: object) -> tuple[int, Any, str]:
    answer = cli(*words, "--json", profile=federation.nodes[province].folder / "profiles" / "desk-1")
    return answer.code, json.loads(answer.out) if answer.out else None, answer.err


async def test_a_call_is_handed_over_from_the_command_line(federation: Federation, tmp_path: Path) -> None:
    context = tmp_path / "context.txt"
    context.write_text("question: 档案在哪里\nhealth: 良好\n", encoding="utf-8")
    words = ["handoff", "place", "--from", JIUJIANG, "--region", FUZHOU, "--id", "typed-1", "--context-file", context]
    code, placed, complaint = typed(federation, "360000", *words)
    assert (code, placed["state"], placed["unit"], placed["withheld"], complaint) == (0, "accepted", FUZHOU, ["health"], "")
    assert "Stays here" in cli(*words, profile=federation.nodes["360000"].folder / "profiles" / "desk-1").out
    assert typed(federation, "360000", "handoff", "connected", "typed-1")[1]["state"] == "connected"
    assert typed(federation, "360000", "handoff", "complete", "typed-1")[1]["state"] == "completed"
    shown = typed(federation, "360000", "handoff", "show", "typed-1")[1]
    assert [step["state"] for step in shown["steps"]] == ["offered", "accepted", "connected", "completed"]
    listed = typed(federation, "360000", "handoff", "list", "--state", "completed")[1]
    assert "typed-1" in [row["id"] for row in listed]
    code, _, complaint = typed(federation, "360000", "handoff", "return", "typed-1", "--reason", "BUSY")
    assert (code, json.loads(complaint)["error"]["code"]) == (1, "ROUTING_HANDOFF_STEP")


async def test_coverage_and_routes_are_shown_on_the_command_line(federation: Federation) -> None:
    profile = federation.hub.profile
    counted = json.loads(cli("coverage", "--json", profile=profile).out)
    assert (counted["open_pct"], counted["with_system_pct"], counted["short_of_open"]) == (87.2, 83.7, 21)
    table = cli("coverage", profile=profile)
    assert "21 units short of 340 open" in table.out
    code, route, _ = typed(federation, "360000", "route", "explain", "230300")
    assert (code, route["chosen"], route["last_resort"]["kind"]) == (5, None, "case")
    assert {candidate["verdict"] for candidate in route["candidates"]} == {"UNIT_NOT_OPEN"}
    answer = cli("route", "explain", FUZHOU, "--locale", "zh", profile=federation.nodes["360000"].folder / "profiles" / "desk-1")
    assert "接听此电话" in answer.out
    code, resolved, _ = typed(federation, "360000", "coverage", "resolve", "350102", "--at", "2014-01-24T10:00:00+08:00")
    assert (code, resolved["unit"]) == (0, FUZHOU)
    assert cli("route", "explain", "35", profile=federation.nodes["360000"].folder / "profiles" / "desk-1").code == 2


RULES = f"""unit: "{FUZHOU}"
rules:
  - id: archives-to-province
    priority: 1
    when: {{topics: ["0802"]}}
    prefer: [{{unit: "{FUJIAN}"}}]
"""


async def test_a_units_rules_reach_every_node_and_are_named_in_the_explanation(federation: Federation, tmp_path: Path) -> None:
    file, own = tmp_path / "rules.yaml", federation.nodes["350000"].folder / "profiles" / "hub"
    file.write_text(RULES, encoding="utf-8")
    tried = cli("route", "policy", "apply", "-f", file, "--dry-run", "--json", profile=own)
    assert (tried.code, json.loads(tried.out)["would_change"]) == (8, True)
    applied = json.loads(cli("route", "policy", "apply", "-f", file, "--json", profile=own).out)
    await everybody_has_directory(federation, applied["directory_version"])
    code, route, _ = typed(federation, "360000", "route", "explain", FUZHOU, "--topic", "0802")
    assert (code, route["chosen"], route["candidates"][0]["rule"]) == (0, FUJIAN, f"{FUZHOU}/archives-to-province")
    assert route["policies"] == {FUZHOU: applied["revision"]}
    assert cli("route", "policy", "apply", "-f", file, "--dry-run", profile=own).code == 0
    assert "archives-to-province" in cli("route", "policy", "show", FUZHOU, profile=own).out
    assert json.loads(cli("route", "policy", "show", FUZHOU, "--json", profile=own).out)["rules"][0]["id"] == "archives-to-province"
    back = tmp_path / "back.yaml"
    back.write_text(RULES.replace(FUZHOU, "tmp").replace(FUJIAN, FUZHOU).replace("tmp", FUJIAN), encoding="utf-8")
    for words in (["--dry-run"], []):  # what is only tried is proved as well
        crossed = cli("route", "policy", "apply", "-f", back, "--json", *words, profile=own)
        assert (crossed.code, json.loads(crossed.err)["error"]["code"]) == (2, "ROUTING_POLICY_INVALID")
    foreign = cli("route", "policy", "apply", "-f", file, profile=federation.nodes["360000"].folder / "profiles" / "hub")
    assert (foreign.code, "REGISTRATION_UNIT_NOT_YOURS" in foreign.err) == (4, True)
    file.write_text(f'unit: "{FUZHOU}"\nrules: []\n', encoding="utf-8")
    cleared = json.loads(cli("route", "policy", "apply", "-f", file, "--json", profile=own).out)
    await everybody_has_directory(federation, cleared["directory_version"])
    assert typed(federation, "360000", "route", "explain", FUZHOU, "--topic", "0802")[1]["chosen"] == FUZHOU


async def test_a_decision_is_replayed_and_rules_are_tried_on_past_calls(federation: Federation, tmp_path: Path) -> None:
    file, node = tmp_path / "rules.yaml", federation.nodes["360000"].folder / "profiles" / "operator"
    async with desk(federation, "360000") as origin:
        placed = await origin.handoffs.place(JIUJIANG, FUZHOU, topic="0802")
        await origin.handoffs.connected(placed.handoff.call.id)
        await origin.handoffs.completed(placed.handoff.call.id)
    replayed = json.loads(cli("route", "replay", placed.handoff.call.id, "--json", profile=node).out)
    assert replayed["same"] is True
    assert replayed["again"]["chosen"] == FUZHOU
    file.write_text(RULES, encoding="utf-8")
    compared = json.loads(cli("route", "replay", "--policy", file, "--json", profile=node).out)
    assert {(change["topic"], change["before"], change["after"]) for change in compared["changes"]} == {("0802", FUZHOU, FUJIAN)}
    assert compared["calls"] > sum(change["calls"] for change in compared["changes"]) > 0
    assert cli("route", "replay", profile=node).code == 2
    assert "ROUTING_HANDOFF_UNKNOWN" in cli("route", "replay", "nobody", profile=node).err


async def test_a_queue_that_is_told_full_is_passed_over_until_it_grows_stale(federation: Federation) -> None:
    async with desk(federation, "350000") as telephones, desk(federation, "360000") as asking:

        async def seen() -> tuple[Verdict, Told]:
            first = (await asking.routing.explain(FUZHOU)).candidates[0]
            return first.verdict, first.told

        await telephones.queues.report(FUZHOU, free=0, waiting=4, wait_s=90)
        began = asyncio.get_running_loop().time()
        await until(lambda: _is(seen, (Verdict.FULL, Told.FRESH)))
        print(f"a queue reached the other node after {asyncio.get_running_loop().time() - began:.3f} s")
        assert (await asking.queues.list())[FUZHOU].waiting == 4
        await until(lambda: _is(seen, (Verdict.CHOSEN, Told.STALE)))
        await telephones.queues.report(FUZHOU, free=2)
        await until(lambda: _is(seen, (Verdict.CHOSEN, Told.FRESH)))
        assert typed(federation, "350000", "queue", "report", FUZHOU, "--free", 3)[0] == 0
        [row] = [each for each in typed(federation, "350000", "queue", "list")[1]["queues"] if each["unit"] == FUZHOU]
        assert row["free"] == 3  # on a busy machine it may be stale by the time the command has started
        with pytest.raises(ServiceError) as refused:
            await asking.queues.report(FUZHOU, free=1)
        assert refused.value.code == "ROUTING_UNIT_NOT_SERVED_HERE"


async def test_a_unit_says_aloud_what_it_admits_and_the_sources_keep_to_it(federation: Federation) -> None:
    async with desk(federation, "350000") as telephones, desk(federation, "360000") as asking:

        async def gapped() -> bool:
            await telephones.queues.report(XIAMEN, free=5, admits={"08": 0, "": 600})
            first = (await asking.routing.explain(XIAMEN, topic="0801")).candidates[0]
            return first.verdict is Verdict.RATE

        assert await until(gapped)
        assert (await asking.routing.explain(XIAMEN, topic="01")).candidates[0].verdict is Verdict.CHOSEN

        async def keeps_to_its_share() -> bool:
            """How it is divided follows what was asked lately, so it may change between the two questions."""
            await telephones.queues.report(XIAMEN, free=5, admits={"08": 0, "": 600})
            known, told = (await asking.queues.overview()).admitted, (await telephones.queues.overview()).divided
            shares = {share.topic: share.per_minute for share in known if share.unit == XIAMEN}
            promised = [share.per_minute for share in told if share.topic == "" and "360000" in share.sources]
            whole = sum(share.per_minute * len(share.sources) for share in told if share.topic == "")
            return shares.get("08") == 0 and [shares.get("")] == pytest.approx(promised) and whole == pytest.approx(600)

        assert await until(keeps_to_its_share)
        await telephones.queues.report(XIAMEN, free=5)
        assert typed(federation, "350000", "queue", "report", XIAMEN, "--free", 3, "--admit", "lots")[0] == 2


async def _is(seen: Callable[[], Awaitable[object]], wanted: object) -> bool:
    return await seen() == wanted
