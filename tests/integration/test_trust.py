"""A federation of real processes at work: its root is exchanged and no request fails; its hub is gone for long and nothing ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.test_identity import (
    ENVIRONMENT,
    FUJIAN,
    FUZHOU,
    JIANGSU,
    JIANGXI,
    JIUJIANG,
    NANJING,
    certificate_of,
    desk,
    first_step,
    handed_over,
)
from tests.support.federation import Answer, cli
from twelve333.adapters.signing.keys import load_certificates
from twelve333.adapters.signing.trust import fingerprint, root_above
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.unit import sample_entries
from twelve333.client.registration import Token
from twelve333.core.registration.freshness import Freshness

SECONDS, LIFETIME_SECONDS = 90, 16
HOUR = 0.125  # seconds: three days pass in nine
SHANGHAI = "310000"
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def federation(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Broker, hub and three nodes whose certificates live for seconds."""
    scaled = {
        "TWELVE333_HUB__SYNC_SECONDS": "1",
        "TWELVE333_CERTIFICATE_DAYS": str(LIFETIME_SECONDS / 86_400),
        "TWELVE333_DIRECTORY__FRESH_HOURS": str(24 * HOUR / 3600),
        "TWELVE333_DIRECTORY__OVERDUE_HOURS": str(72 * HOUR / 3600),
    }
    environment = {**ENVIRONMENT, **scaled}
    made = Federation(tmp_path_factory.mktemp("roots"), lambda *_args, **_params: None, environment)
    try:
        await made.start_hub()
        await made.add_nodes([JIANGSU, FUJIAN, JIANGXI])
        async with made.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(made, version)
        yield made
    finally:
        await made.stop()


async def rotate(federation: Federation, *words: str) -> Answer:
    """One `hub rotate-root` command, as an operator types it."""
    return await asyncio.to_thread(cli, "hub", "rotate-root", *words, "--config", federation.hub.folder / "hub.toml")


def trusted(folder: Path) -> list[str]:
    """The roots that a folder trusts."""
    return [fingerprint(root) for root in load_certificates(folder / "ca.crt")]


def under(folder: Path) -> str | None:
    """The root under which a folder's certificate is."""
    root = root_above(load_certificates(folder / "tls.crt"), load_certificates(folder / "ca.crt"))
    return fingerprint(root) if root else None


class Load:
    """Handoffs between two nodes, and questions to the hub and at a desk over a new connection each, until it is over."""

    def __init__(self, federation: Federation) -> None:
        self._federation, self._over = federation, asyncio.Event()
        self.steps: list[tuple[str, str, str]] = []
        self.asked = self.at_desk = 0

    async def __aenter__(self) -> Load:
        self._tasks = [asyncio.create_task(work()) for work in (self._hand_over, self._ask_hub, self._ask_desk)]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._over.set()
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)  # whatever failed is raised here

    async def _hand_over(self) -> None:
        async with desk(self._federation, JIANGXI) as origin:
            while not self._over.is_set():
                self.steps.append(first_step(await handed_over(origin, JIUJIANG, FUZHOU)))

    async def _ask_hub(self) -> None:
        while not self._over.is_set():
            async with self._federation.hub.connect() as hub:
                await hub.registration.list_members()
            self.asked += 1
            await asyncio.sleep(0.05)  # new handshakes all the time, and time left for the handoffs

    async def _ask_desk(self) -> None:
        while not self._over.is_set():
            async with desk(self._federation, JIANGXI) as node:
                await node.registration.node_status()
            self.at_desk += 1
            await asyncio.sleep(0.05)


async def old_token(federation: Federation) -> Token:
    """A token of before the exchange, with the pin of the old root."""
    async with federation.hub.connect() as hub:
        return await hub.registration.create_token(SHANGHAI)


@pytest.mark.slow  # `make faults` exchanges a root under load as well
async def test_the_root_is_exchanged_under_load_without_a_failed_request_and_who_was_away_finds_back(
    federation: Federation, tmp_path: Path
) -> None:
    hub, away, token = federation.hub.folder, federation.nodes[JIANGSU], await old_token(federation)
    own = [hub / "pki" / "federation", hub / "pki" / "enrolment", hub / "broker", hub / "profiles" / "operator"]
    present = [*own, *(federation.nodes[name].folder / "pki" / "federation" for name in (FUJIAN, JIANGXI))]
    (old,) = trusted(own[0])
    await away.process.stop()
    async with Load(federation) as load:
        assert (await rotate(federation, "begin")).code == 0
        assert "SECURITY_ROTATION_NOT_SWITCHED" in (await rotate(federation, "retire", "--force")).err
        await until("all but one trust it", lambda: refused_for_one(federation, "switch"), within_seconds=SECONDS)
        assert (await rotate(federation, "switch", "--force")).code == 0
        await rotate_local(federation, JIANGXI)
        await until("all but one have moved", lambda: refused_for_one(federation, "retire"), within_seconds=SECONDS)
        assert (await rotate(federation, "retire", "--force")).code == 0
        (new,) = {fingerprint(each) for each in load_certificates(hub / "pki" / "authority" / "trusted.pem")}

        async def done() -> bool:
            return all(trusted(folder) == [new] and under(folder) == new for folder in present)

        await until("everybody trusts the new root alone", done, within_seconds=SECONDS)
        assert trusted(away.folder / "pki" / "federation") == [old] != [new]
        ended = load_certificates(away.folder / "pki" / "federation" / "tls.crt")[0].not_valid_after_utc
        assert datetime.now(UTC) > ended + timedelta(seconds=LIFETIME_SECONDS / 3)  # ten days too late, were it of thirty
        await away.process.start(away.ready, within_seconds=30)
        await until("found back", lambda: reached(federation, JIANGSU), within_seconds=SECONDS)
    print(f"{len(load.steps)} handoffs, {load.asked} new connections to the hub, {load.at_desk} at a desk while roots were exchanged")
    assert set(load.steps) == {("accepted", FUZHOU, "")}
    assert len(load.steps) > 50 and load.asked > 20 and load.at_desk > 20
    assert under(away.folder / "pki" / "federation") == new
    assert not (hub / "pki" / "authority" / "root.old").exists()
    await join_with(federation, token, tmp_path)
    assert new in trusted(tmp_path / "node" / "pki" / "federation")


async def rotate_local(federation: Federation, province: str) -> None:
    """Exchange the root of a province's own desks, each step as soon as it is allowed."""
    folder = federation.nodes[province].folder
    desks = [folder / "pki" / "desk", folder / "profiles" / "desk-1", folder / "profiles" / "operator"]
    (old,) = trusted(desks[0])
    for step in ("begin", "switch", "retire"):

        async def taken(step: str = step) -> bool:
            words = ("node", "rotate-authority", step, "--config", folder / "node.toml")
            return (await asyncio.to_thread(cli, *words)).code == 0

        await until(step, taken, within_seconds=SECONDS)

    async def done() -> bool:
        return all(trusted(each) == [under(each)] != [old] for each in desks)

    await until("desks trust the new root alone", done, within_seconds=SECONDS)


async def refused_for_one(federation: Federation, step: str) -> bool:
    """Whether a step is refused because of the node that is away, and of no other any more."""
    answer = await rotate(federation, step)
    assert answer.code == 1 and JIANGSU in answer.err and ("ROOT_NOT_TRUSTED" in answer.err or "ROOT_IN_USE" in answer.err)
    return FUJIAN not in answer.err and JIANGXI not in answer.err


async def reached(federation: Federation, province: str) -> bool:
    """Whether a node takes calls again, and meets the broker."""
    async with desk(federation, JIANGXI) as origin, federation.nodes[province].connect() as own:
        accepted = first_step(await handed_over(origin, JIUJIANG, NANJING)) == ("accepted", NANJING, "")
        return accepted and (await own.registration.node_status()).broker_connected


async def join_with(federation: Federation, token: Token, folder: Path) -> None:
    """Join Shanghai with a token and a pin from before."""
    file = folder / "token"
    file.write_text(token.secret)
    where = ["--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--token-file", file, "--directory", folder / "node"]
    done = await asyncio.to_thread(cli, "node", "join", "--province", SHANGHAI, *where, "--skip-preflight", "ports")
    assert done.code == 0, done.err


async def long_lived(federation: Federation, provinces: Sequence[str]) -> None:
    """Give nodes certificates that last while the hub is away, as those of 30 days last for three."""
    hub = federation.hub
    await hub.process.stop()
    hub.process.env = {**(hub.process.env or {}), "TWELVE333_CERTIFICATE_DAYS": "1"}
    await hub.process.start(hub.ready, within_seconds=30)

    async def renewed() -> bool:
        return all(certificate_of(federation, each)[1] > datetime.now(UTC) + timedelta(hours=1) for each in provinces)

    await until("certificates that last", renewed, within_seconds=SECONDS)


async def fresh_by_health(federation: Federation, province: str) -> bool:
    """What the health service says of the directory, besides that the node is ready."""
    async with grpc.aio.insecure_channel(federation.nodes[province].health) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="directory.fresh"), timeout=5)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def test_a_hub_that_is_gone_for_72_hours_ends_nothing_and_the_node_says_so_loudly(federation: Federation) -> None:
    node = federation.nodes[JIANGXI]

    async def stands(level: Freshness) -> bool:
        async with node.connect() as own:
            return (await own.registration.node_status()).directory_freshness is level

    await long_lived(federation, (JIANGXI, FUJIAN))
    await until("fresh", lambda: stands(Freshness.FRESH), within_seconds=SECONDS)
    await federation.stop_hub_and_broker()
    for level in (Freshness.STALE, Freshness.OVERDUE):
        await until(level, lambda level=level: stands(level), within_seconds=SECONDS)  # type: ignore[misc]
    async with desk(federation, JIANGXI) as origin:
        assert first_step(await handed_over(origin, JIUJIANG, FUZHOU)) == ("accepted", FUZHOU, "")
    assert await node.ready() and not await fresh_by_health(federation, JIANGXI)
    said = await asyncio.to_thread(cli, "node", "status", profile=node.profile)
    assert said.code == 0 and "IS OVERDUE" in said.out
    assert '"event": "directory is old"' in (federation.folder / "logs" / f"{JIANGXI}.log").read_text()
    await federation.restart_hub_and_broker()
    await until("fresh again", lambda: stands(Freshness.FRESH), within_seconds=SECONDS)
    await until("healthy again", lambda: fresh_by_health(federation, JIANGXI), within_seconds=SECONDS)

    async def told() -> bool:
        status = await asyncio.to_thread(cli, "hub", "status", "--json", profile=federation.hub.profile)
        return {each["member"]: each["directory"] for each in json.loads(status.out)["standings"]}.get(JIANGXI) == "fresh"

    await until("told to the hub", told, within_seconds=SECONDS)
