"""Enrolment and the register of units, with real processes, mutual TLS and a real broker."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from tests.support.federation import Answer, cli, one_federation
from twelve333.adapters.processes import free_ports
from twelve333.adapters.rpc.credentials import channel_options
from twelve333.adapters.signing.keys import key_and_request
from twelve333.api.registration.v1 import service_pb2, service_pb2_grpc
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.client import ServiceError
from twelve333.client.errors import raising_service_errors
from twelve333.core.registration.model import UnitStatus

pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="session")]


async def test_the_366_units_are_registered_and_319_are_open(federation: Federation) -> None:
    async with federation.hub.connect() as hub:
        units = await hub.registration.list_units()
    assert len(units) == 366
    assert sum(unit.status in (UnitStatus.OPEN, UnitStatus.SUSPENDED) for unit in units) == 319
    assert sum(unit.with_system for unit in units) == 267


async def test_a_province_changes_its_own_units_and_no_other(federation: Federation) -> None:
    node = federation.nodes["350000"]
    async with node.connect(node.folder / "profiles" / "hub") as hub:
        unit, version = await hub.registration.change_status("350300", UnitStatus.SUSPENDED)
        assert unit.status is UnitStatus.SUSPENDED
        await everybody_has_directory(federation, version)
        unit, version = await hub.registration.change_status("350300", UnitStatus.OPEN)
        await everybody_has_directory(federation, version)
        with pytest.raises(ServiceError) as refused:
            await hub.registration.change_status("320100", UnitStatus.SUSPENDED)
        assert refused.value.code == "REGISTRATION_UNIT_NOT_YOURS"
        with pytest.raises(ServiceError) as refused:
            await hub.registration.create_token("350000")
        assert refused.value.code == "RPC_ROLE_DENIED"


async def join(federation: Federation, folder: Path, token: str, province: str) -> service_pb2.JoinResponse:
    """Ask the enrolment listener as a province's machine would."""
    hub = federation.hub.folder
    root = (hub / "pki" / "federation" / "ca.crt").read_bytes()
    async with federation.hub.connect() as operator:
        endpoint = (await operator.registration.create_token("460000")).enrolment_endpoint
    request = service_pb2.JoinRequest(token=token, province=province, endpoint="127.0.0.1:1", signing_request=key_and_request(folder))
    async with grpc.aio.secure_channel(endpoint, grpc.ssl_channel_credentials(root), options=channel_options("hub")) as channel:
        with raising_service_errors():
            return await service_pb2_grpc.EnrolmentServiceStub(channel).Join(request, timeout=10)


async def test_a_token_is_single_use_bound_to_its_province_and_safe_to_retry(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token("460000")
    with pytest.raises(ServiceError) as refused:
        await join(federation, tmp_path / "a", token.secret, "450000")
    assert refused.value.code == "REGISTRATION_TOKEN_OTHER_PROVINCE"
    first = await join(federation, tmp_path / "a", token.secret, "460000")
    again = await join(federation, tmp_path / "a", token.secret, "460000")
    assert first.certificate_chain and again.certificate_chain
    with pytest.raises(ServiceError) as refused:
        await join(federation, tmp_path / "another machine", token.secret, "460000")
    assert refused.value.code == "REGISTRATION_TOKEN_USED"


async def test_nodes_work_from_a_directory_signed_by_the_hub(federation: Federation) -> None:
    async with federation.hub.connect() as hub:
        members = {listed.member.name for listed in await hub.registration.list_members()}
    assert {"320000", "360000", "350000", "230000", "310000"} <= members


async def test_the_checks_before_joining_pass_at_a_hub_that_is_well(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token("460000")
    offer = ["--province", "460000", "--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--directory", tmp_path / "node"]
    ports = [f"--{name}-port={port}" for name, port in zip(("federation", "desk", "page", "health"), free_ports(4), strict=True)]
    done = await asyncio.to_thread(cli, "node", "preflight", *offer, *ports, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"passed": ["dns", "hub", "clock", "versions", "broker", "ports", "disk"]}


async def typed(federation: Federation, folder: Path, province: str, token: str, *more: object) -> Answer:
    """`node join`, as the province's IT types it."""
    file = folder.with_suffix(".token")
    file.write_text(token)
    return await asyncio.to_thread(cli, *await join_words(federation, folder, province), "--token-file", file, *more)


async def join_words(federation: Federation, folder: Path, province: str) -> list[object]:
    async with federation.hub.connect() as hub:
        offer = await hub.registration.create_token("460000")
    ports = [f"--{name}-port={port}" for name, port in zip(("federation", "desk", "page", "health"), free_ports(4), strict=True)]
    where = ["--hub", offer.enrolment_endpoint, "--pin", offer.authority_pin, "--directory", folder]
    return ["node", "join", "--province", province, *where, *ports]


async def test_what_the_ministry_prints_is_one_line_that_joins(federation: Federation, tmp_path: Path) -> None:
    made = await asyncio.to_thread(
        cli, "hub", "token", "create", "--province", "450000", "--ttl", "24h", "--token-file", tmp_path / "token",
        profile=federation.hub.profile, env={"COLUMNS": "60"},
    )  # fmt: skip
    assert made.code == 0 and made.out.count("\n") == 1
    words = made.out.split()
    assert words[:3] == ["twelve333", "node", "join"] and (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    ports = [f"--{name}-port={port}" for name, port in zip(("federation", "desk", "page", "health"), free_ports(4), strict=True)]
    words[words.index("--token-file") + 1] = "-"
    secret = (tmp_path / "token").read_text()
    joined = await asyncio.to_thread(cli, *words[1:], *ports, "--directory", tmp_path / "node", stdin=secret)
    assert joined.code == 0, joined.err
    again = await typed(federation, tmp_path / "another", "450000", (tmp_path / "token").read_text())
    assert again.code == 4 and "[REGISTRATION_TOKEN_USED]" in again.err
    for ttl in ("8d", "-1h", "0s"):
        made = await asyncio.to_thread(
            cli, "hub", "token", "create", "--province", "450000", f"--ttl={ttl}", "--token-file", tmp_path / "none",
            profile=federation.hub.profile,
        )  # fmt: skip
        assert made.code == 2 and not (tmp_path / "none").exists()


async def test_a_token_that_ended_or_is_for_another_province_is_refused_and_leaves_no_node(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        short = await hub.registration.create_token("440000", timedelta(milliseconds=1))
        other = await hub.registration.create_token("440000")
    for token, province, code in ((short, "440000", "REGISTRATION_TOKEN_EXPIRED"), (other, "430000", "REGISTRATION_TOKEN_OTHER_PROVINCE")):
        refused = await typed(federation, tmp_path / province, province, token.secret)
        assert refused.code == 4 and f"[{code}]" in refused.err
        assert not (tmp_path / province).exists()
        chinese = await typed(federation, tmp_path / province, province, token.secret, "--locale", "zh")
        assert chinese.code == 4 and f"[{code}]" in chinese.err and "令牌" in chinese.err


async def test_a_join_whose_answer_was_lost_succeeds_when_typed_again(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token("440000")
    answer = await join(
        federation, tmp_path / "node" / "pki" / "federation", token.secret, "440000"
    )  # the hub has done it; nothing came back
    assert answer.certificate_chain and not (tmp_path / "node" / "node.toml").exists()
    again = await typed(federation, tmp_path / "node", "440000", token.secret)
    assert again.code == 0, again.err
    assert (tmp_path / "node" / "node.toml").exists()


async def test_the_token_is_asked_for_at_a_terminal_and_not_shown(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token("430000")
    words = [sys.executable, "-m", "twelve333.cli", *map(str, await join_words(federation, tmp_path / "node", "430000"))]
    ours, theirs = pty.openpty()
    child = await asyncio.create_subprocess_exec(*words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    shown = b""
    async with asyncio.timeout(60):
        while b"Join token" not in shown:
            shown += await asyncio.to_thread(os.read, ours, 4096)
        os.write(ours, token.secret.encode() + b"\n")
        assert await child.wait() == 0
    assert token.secret.encode() not in shown + os.read(ours, 1 << 16)
    os.close(ours)
    piped = await asyncio.to_thread(cli, *await join_words(federation, tmp_path / "other", "420000"))
    assert piped.code == 2 and "REGISTRATION_TOKEN_MISSING" in piped.err


async def test_a_check_that_fails_is_named_and_can_be_left_out_by_name(federation: Federation, tmp_path: Path) -> None:
    words = await join_words(federation, tmp_path / "node", "420000")
    taken = federation.nodes["350000"].health.rpartition(":")[2]
    words[-1] = f"--health-port={taken}"
    failed = await asyncio.to_thread(cli, "node", "preflight", *words[2:])
    assert failed.code == 5 and "ports:" in failed.err and "--health-port" in failed.err
    passed = await asyncio.to_thread(cli, "node", "preflight", *words[2:], "--skip-preflight", "ports", "--json")
    assert passed.code == 0 and "ports" not in json.loads(passed.out)["passed"]


def registered(federation: Federation, province: str, *words: object) -> Answer:
    return cli("unit", *words, profile=federation.nodes[province].folder / "profiles" / "hub")


async def test_a_city_joins_by_its_file(federation: Federation, tmp_path: Path) -> None:
    file = tmp_path / "unit.yaml"
    file.write_text(registered(federation, "320000", "template", "321200", "--json").out, encoding="utf-8")
    assert json.loads(file.read_text(encoding="utf-8"))["unit"] == "321200"
    assert registered(federation, "320000", "apply", "-f", file, "--dry-run").code == 0, "JSON is YAML as well"
    file.write_text(registered(federation, "320000", "template", "321200").out, encoding="utf-8")
    assert "32120" in file.read_text(encoding="utf-8") and registered(federation, "320000", "apply", "-f", file, "--dry-run").code == 0
    file.write_text(file.read_text(encoding="utf-8").replace("voicemail: false", "voicemail: true"), encoding="utf-8")
    asked = registered(federation, "320000", "apply", "-f", file, "--dry-run", "--json")
    assert (asked.code, json.loads(asked.out)["changes"]) == (8, [{"field": "voicemail", "before": "false", "after": "true"}])
    applied = json.loads(registered(federation, "320000", "apply", "-f", file, "--json").out)
    assert registered(federation, "320000", "apply", "-f", file, "--dry-run").code == 0
    again = json.loads(registered(federation, "320000", "apply", "-f", file, "--json").out)
    assert (again["changes"], again["directory_version"]) == ([], applied["directory_version"])
    assert registered(federation, "320000", "wait", "321200", "--timeout", "5s").code == 0
    late = registered(federation, "320000", "wait", "321200", "--for", "suspended", "--timeout", "1s")
    assert (late.code, "CLI_UNIT_WAITED_IN_VAIN" in late.err) == (3, True)
    await everybody_has_directory(federation, applied["directory_version"])


async def test_what_would_overlap_is_refused_with_the_cell_and_both_parties(federation: Federation, tmp_path: Path) -> None:
    file = tmp_path / "unit.yaml"
    greedy = registered(federation, "320000", "template", "321200").out.replace("- '321200'", "- '321200'\n- '320500'", 1)
    file.write_text(greedy, encoding="utf-8")
    for words in (["--dry-run"], []):  # what is only tried is proved as well
        told = registered(federation, "320000", "apply", "-f", file, *words)
        assert (told.code, "COVERAGE_OUTSIDE" in told.err, "320500" in told.err) == (1, True, True)
    assert registered(federation, "320000", "template", "321200").out.count("320500") == 0


async def test_an_import_that_is_only_tried_says_what_it_would_change_and_changes_nothing(federation: Federation, tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    file.write_text("unit_code,unit_name,level\n320000,江苏,province\n320100,南京市,prefecture\n", encoding="utf-8")
    version = json.loads(cli("coverage", "resolve", "320100", "--json", profile=federation.hub.profile).out)["directory_version"]
    tried = registered(federation, "320000", "import", file, "--dry-run", "--json")
    assert (tried.code, json.loads(tried.out)) == (8, {"units": 2, "changed": 1, "next": f"twelve333 unit import {file}"})
    assert json.loads(cli("coverage", "resolve", "320100", "--json", profile=federation.hub.profile).out)["directory_version"] == version
    assert registered(federation, "350000", "import", file, "--dry-run").code == 4


async def test_coverage_is_counted_for_any_day_and_shown_as_table_chart_and_page(federation: Federation, tmp_path: Path) -> None:
    page, profile = tmp_path / "coverage.html", federation.hub.profile
    planned = registered(federation, "230000", "plan", "230200", "--on", "2099-09-01", "--with-system")
    assert planned.code == 0
    assert "REGISTRATION_PLAN_IN_THE_PAST" in registered(federation, "230000", "plan", "230200", "--on", "2014-09-01").err
    today = json.loads(cli("coverage", "--json", profile=profile).out)
    then = json.loads(cli("coverage", "--as-of", "2099-12-31", "--json", profile=profile).out)
    assert (then["open"], then["with_system"], then["by_plan"]) == (today["open"] + 1, today["with_system"] + 1, ["230200"])
    before = json.loads(cli("coverage", "--as-of", "2010-01-01", "--json", profile=profile).out)
    assert (before["units"], before["open"]) == (366, 0)
    shown = cli("coverage", "--as-of", "2099-12-31", "--html", page, "--locale", "zh", profile=profile)
    assert shown.code == 0 and "█" in shown.out and "230200" in shown.out
    text = page.read_text(encoding="utf-8")
    assert text.count("<tr>") == 33 and "12333 开通情况" in text and "<script" not in text
    assert "230300 鸡西市" in text
    who = cli("coverage", "--by", "unit", "--target", "345", profile=profile)
    assert "鸡西市" in who.out and "has not been opened yet" in who.out and "short of 345" in who.out
    assert {"code": "230300", "name": "鸡西市", "province": "230000", "lacks": "opening"} in today["missing"]
    assert cli("coverage", "--by", "province", profile=profile).out == cli("coverage", profile=profile).out
    desk = federation.nodes["230000"].folder / "profiles" / "desk-1"
    assert "COVERAGE_HISTORY_AT_HUB" in cli("coverage", "--as-of", "2013-12-31", profile=desk).err
