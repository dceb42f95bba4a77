"""Each check before joining finds its own fault, says it in one sentence, and can be left out by name."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.federation import cli

from province_node import preflight as checks
from province_node.check_names import NAMES
from province_node.join import Plan
from province_node.preflight import Facts, preflight
from twelve333 import __version__
from twelve333.adapters.processes import free_ports
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.catalogue.catalogue import LOCALES, keys
from twelve333.core.decision import Kind, Refusal, Refused
from twelve333.wire.times import to_timestamp

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    """Everything in order, no broker."""
    federation, desk, health = free_ports(3)
    plan = Plan(
        tmp_path / "node", "320000", "127.0.0.1:1", f"sha256:{'0' * 64}", "127.0.0.1", federation, desk, health, "operator", "desk-1"
    )
    return Facts(plan, pb.GreetResponse(now=to_timestamp(NOW), release=__version__), NOW)


def name_of(refusal: Refusal | None) -> str:
    return refusal.code.name if refusal else ""


async def test_nothing_is_found_where_everything_is_in_order(facts: Facts) -> None:
    assert [name_of(await check(facts)) for check in checks.CHECKS.values()] == [""] * len(checks.CHECKS)


async def test_a_name_that_does_not_resolve_is_found(facts: Facts) -> None:
    assert (
        name_of(await checks.check_dns(replace(facts, plan=replace(facts.plan, host="no-such-host.invalid"))))
        == "REGISTRATION_PREFLIGHT_DNS"
    )


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_a_clock_that_is_off_is_found(facts: Facts, minutes: int) -> None:
    refusal = await checks.check_clock(replace(facts, heard_at=NOW + timedelta(minutes=minutes)))
    assert name_of(refusal) == "REGISTRATION_PREFLIGHT_CLOCK"
    assert refusal and refusal.params == {"seconds": "300", "limit": "60"}


async def test_another_major_release_is_found(facts: Facts) -> None:
    told = pb.GreetResponse(now=to_timestamp(NOW), release="99.0.0")
    assert name_of(await checks.check_versions(replace(facts, told=told))) == "REGISTRATION_PREFLIGHT_VERSIONS"


async def test_a_port_in_use_is_found_with_the_option_that_changes_it(facts: Facts) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refusal = await checks.check_ports(replace(facts, plan=replace(facts.plan, desk_port=taken.getsockname()[1])))
    assert name_of(refusal) == "REGISTRATION_PREFLIGHT_PORTS"
    assert refusal and refusal.params["option"] == "desk-port"


async def test_a_full_disk_is_found(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1023 * 1024 * 1024))
    assert name_of(await checks.check_disk(facts)) == "REGISTRATION_PREFLIGHT_DISK"


@pytest.fixture
async def greeting() -> AsyncIterator[dict[str, object]]:
    """A server that greets with what the test puts here; its port is in `port`."""
    said: dict[str, object] = {"version": "2.9.10", "jetstream": True, "tls_required": True}

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps(said).encode() + b"\r\n")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    said["port"] = server.sockets[0].getsockname()[1]
    yield said
    server.close()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ""),
        ({"version": "2.10.0-beta"}, ""),
        ({"version": "2.8.4"}, "REGISTRATION_PREFLIGHT_BROKER_OLD"),
        ({"version": "x"}, "REGISTRATION_PREFLIGHT_BROKER_OLD"),
        ({"jetstream": False}, "REGISTRATION_PREFLIGHT_BROKER_OLD"),
        ({"tls_required": False}, "REGISTRATION_PREFLIGHT_BROKER"),
    ],
)
async def test_a_broker_that_will_not_do_is_found(facts: Facts, greeting: dict[str, object], change: dict[str, object], code: str) -> None:
    greeting.update(change)
    told = pb.GreetResponse(now=to_timestamp(NOW), release=__version__, broker_urls=[f"tls://127.0.0.1:{greeting['port']}"])
    assert name_of(await checks.check_broker(replace(facts, told=told))) == code


async def test_a_broker_that_is_away_is_found(facts: Facts) -> None:
    told = pb.GreetResponse(broker_urls=[f"tls://127.0.0.1:{free_ports(1)[0]}"])
    assert name_of(await checks.check_broker(replace(facts, told=told))) == "REGISTRATION_PREFLIGHT_BROKER"


async def test_failed_checks_are_told_together_and_left_out_by_name(facts: Facts) -> None:
    failed = await preflight(replace(facts.plan, host="no-such-host.invalid"), lambda: NOW)
    assert failed is not None
    assert [each.path for each in failed.violations] == ["dns", "hub", "ports"]
    assert await preflight(replace(facts.plan, host="no-such-host.invalid"), lambda: NOW, ["dns", "hub", "ports"]) is None


def test_every_check_has_its_words() -> None:
    assert all(f"REGISTRATION_CHECK_{name.upper()}" in keys(locale) for name in NAMES for locale in LOCALES)


def test_a_failed_check_ends_the_command_with_five_and_leaves_the_token_unused(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"t333_{'a' * 43}")
    where = ["--province", "320000", "--hub", "127.0.0.1:1", "--pin", f"sha256:{'0' * 64}", "--token-file", token]
    done = cli("node", "join", *where, "--directory", tmp_path / "node", "--skip-preflight", "ports")
    assert done.code == 5
    assert done.err.splitlines()[1].startswith("  - hub: the enrolment listener at 127.0.0.1:1 cannot be used (SECURITY_HUB_UNREACHABLE)")
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"hub": "hub.example"}, "REGISTRATION_HUB_MALFORMED"),
        ({"hub": ""}, "REGISTRATION_HUB_MALFORMED"),
        ({"pin": "abc"}, "SECURITY_PIN_MALFORMED"),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_checked(facts: Facts, typed: dict[str, str], code: str) -> None:
    with pytest.raises(Refused) as refused:
        await checks.preflight(replace(facts.plan, **typed), lambda: NOW, ())
    assert (refused.value.refusal.code.name, refused.value.refusal.code.kind) == (code, Kind.INVALID)
