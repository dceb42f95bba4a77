"""Certificates of a few seconds in a federation of real processes: renewed under load, recovered after they ended, revoked, regained."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes

from tests.support.federation import cli
from twelve333.adapters.signing.keys import load_certificates, load_material
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.unit import sample_entries
from twelve333.client import Connection, ServiceError
from twelve333.client.handoffs import HandoffView
from twelve333.core.routing.machine import HandoffState

LIFETIME_SECONDS = 24
JIANGSU, FUJIAN, JIANGXI = "320000", "350000", "360000"
NANJING, FUZHOU, JIUJIANG = "320100", "350100", "360400"
ENVIRONMENT = {
    "TWELVE333_CERTIFICATE_DAYS": str(LIFETIME_SECONDS / 86_400),
    "TWELVE333_CERTIFICATE_CHECK_SECONDS": "0.5",
    # What is measured is whether calls fail, not how fast a machine is that others use as well: a candidate has seconds to answer.
    "TWELVE333_HANDOFF__CANDIDATE_MS": "5000",
    "TWELVE333_HANDOFF__TOTAL_MS": "10000",
    # Nor is it how many calls one province may have: this one asks as fast as it can.
    "TWELVE333_LIMITS__MEMBER_PER_SECOND": "100000",
    "TWELVE333_LIMITS__MEMBER_BURST": "100000",
    "TWELVE333_LIMITS__DESK_PER_SECOND": "100000",
    "TWELVE333_LIMITS__DESK_BURST": "100000",
    "TWELVE333_HUB__SYNC_SECONDS": "600",  # so that only an announcement makes a node fetch the directory
}
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240), pytest.mark.xdist_group("identity")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def short_lived(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Federation]:
    """Broker, hub and three nodes whose certificates live for seconds."""
    made = Federation(tmp_path_factory.mktemp("identity"), lambda *_args, **_params: None, ENVIRONMENT)
    try:
        await made.start_hub()
        await made.add_nodes([JIANGSU, FUJIAN, JIANGXI])
        async with made.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(made, version)
        yield made
    finally:
        await made.stop()


def certificate_of(federation: Federation, province: str) -> tuple[str, datetime]:
    """Serial and end of the certificate in use."""
    material = load_material(federation.nodes[province].folder / "pki" / "federation")
    return material.serial, material.not_after


def issuing_of(federation: Federation, province: str) -> bytes:
    """Fingerprint of the issuing certificate under which a node's present one was made."""
    chain = load_certificates(federation.nodes[province].folder / "pki" / "federation" / "tls.crt")
    return chain[1].fingerprint(hashes.SHA256())


def desk(federation: Federation, province: str) -> Connection:
    node = federation.nodes[province]
    return node.connect(node.folder / "profiles" / "desk-1")


async def handed_over(origin: Connection, from_unit: str, to_unit: str) -> HandoffView:
    """Place a call, and give its seat back if it was accepted."""
    placed = await origin.handoffs.place(from_unit, to_unit)
    if placed.handoff.state is HandoffState.ACCEPTED:
        await origin.handoffs.returned(placed.handoff.call.id, "NO_ANSWER")
    return placed


def first_step(view: HandoffView) -> tuple[str, str, str]:
    """What became of the first offer; of none, if nobody could be offered the call."""
    step = view.handoff.steps[1] if len(view.handoff.steps) > 1 else None
    return (step.state.value, step.unit, step.reason) if step else ("none", "", "")


async def test_nodes_renew_their_certificates_under_load_without_a_failed_request(short_lived: Federation) -> None:
    names = (JIANGSU, FUJIAN, JIANGXI)
    serials = {name: {certificate_of(short_lived, name)[0]} for name in names}
    answers: list[tuple[str, str, str]] = []
    async with desk(short_lived, JIANGXI) as origin, asyncio.timeout(6 * LIFETIME_SECONDS):
        while min(len(seen) for seen in serials.values()) < 3:  # each has renewed twice
            answers.append(first_step(await handed_over(origin, JIUJIANG, FUZHOU)))
            for name in names:
                serials[name].add(certificate_of(short_lived, name)[0])
    print(f"{len(answers)} handoffs while three nodes renewed twice each")
    assert len(answers) > 50
    assert set(answers) == {("accepted", FUZHOU, "")}


async def test_another_issuing_authority_is_taken_up_without_a_failed_request(short_lived: Federation) -> None:
    names = (JIANGSU, FUJIAN, JIANGXI)
    before = issuing_of(short_lived, JIANGXI)
    done = await asyncio.to_thread(cli, "hub", "rotate-issuing", "--directory", short_lived.hub.folder)
    assert done.code == 0, done.err
    answers: list[tuple[str, str, str]] = []
    async with desk(short_lived, JIANGXI) as origin, asyncio.timeout(3 * LIFETIME_SECONDS):
        while any(issuing_of(short_lived, name) == before for name in names):  # until the last has renewed under the new one
            answers.append(first_step(await handed_over(origin, JIUJIANG, FUZHOU)))
    assert set(answers) == {("accepted", FUZHOU, "")}


async def test_a_node_that_was_away_until_its_certificate_ended_comes_back_by_itself(short_lived: Federation) -> None:
    node = short_lived.nodes[JIANGSU]
    await node.process.stop()
    serial, ends = certificate_of(short_lived, JIANGSU)
    await asyncio.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()) + 1)  # what is waited for is the clock itself
    await node.process.start(node.ready, within_seconds=30)

    async def reached() -> bool:
        async with desk(short_lived, JIANGXI) as origin:
            return first_step(await handed_over(origin, JIUJIANG, NANJING)) == ("accepted", NANJING, "")

    await until("recovered", reached)
    assert certificate_of(short_lived, JIANGSU)[0] != serial


async def revoke(federation: Federation) -> float:
    """Revoke Fujian; seconds from the request until both others go by it."""
    async with federation.hub.connect() as hub, federation.nodes[JIANGSU].connect() as one, federation.nodes[JIANGXI].connect() as other:
        await asyncio.gather(one.registration.node_status(), other.registration.node_status())
        started = time.monotonic()
        version, keys = await hub.registration.revoke(FUJIAN, "machine stolen")
        assert keys == 1

        async def told(node: Connection) -> None:
            while (await node.registration.node_status()).directory_version < version:
                await asyncio.sleep(0.005)

        async with asyncio.timeout(20):
            await asyncio.gather(told(one), told(other))
        return time.monotonic() - started


async def rejoin(federation: Federation, folder: Path) -> None:
    """Let Fujian in again, as its IT would."""
    token_file = folder / "token"
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token(FUJIAN)
    token_file.write_text(token.secret)
    config = federation.nodes[FUJIAN].folder / "node.toml"
    where = ["--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--token-file", token_file]
    done = await asyncio.to_thread(cli, "node", "rejoin", "--config", config, *where)
    assert done.code == 0, done.err


async def at_broker(federation: Federation, *, connected: bool) -> None:
    """Wait until Fujian's node is or is not connected to the broker."""

    async def so() -> bool:
        async with federation.nodes[FUJIAN].connect() as node:
            return (await node.registration.node_status()).broker_connected is connected

    await until("connected" if connected else "cut off", so)


async def test_a_revoked_node_is_refused_everywhere_at_once_also_without_the_hub_until_it_rejoins(
    short_lived: Federation, tmp_path: Path
) -> None:
    seconds = await revoke(short_lived)
    await at_broker(short_lived, connected=False)
    async with desk(short_lived, FUJIAN) as revoked, desk(short_lived, JIANGXI) as other:
        assert first_step(await handed_over(revoked, FUZHOU, NANJING)) == ("refused", NANJING, "RPC_CALLER_REVOKED")
        assert first_step(await handed_over(other, JIUJIANG, FUZHOU)) == ("unreachable", FUZHOU, "ROUTING_PEER_UNREACHABLE")
        node = short_lived.nodes[FUJIAN]
        async with node.connect(node.folder / "profiles" / "hub") as hub:
            with pytest.raises(ServiceError) as refused:
                await hub.registration.list_units()
        assert refused.value.code == "RPC_CALLER_REVOKED"
        listed = await asyncio.to_thread(cli, "hub", "members", "--json", profile=short_lived.hub.profile)
        assert [each["name"] for each in json.loads(listed.out) if each["revoked_at"]] == [FUJIAN]
        await short_lived.stop_hub_and_broker()
        peer = short_lived.nodes[JIANGSU]
        await peer.process.stop()
        await peer.process.start(peer.ready, within_seconds=30)  # from the directory it kept

        async def refused_again() -> bool:  # once the line to the restarted peer stands again
            step = first_step(await handed_over(revoked, FUZHOU, NANJING))
            assert step[0] != "accepted"
            return step == ("refused", NANJING, "RPC_CALLER_REVOKED")

        await until("refused without the hub", refused_again)
        await short_lived.restart_hub_and_broker()
        await rejoin(short_lived, tmp_path)

        async def good_again() -> bool:
            there = first_step(await handed_over(revoked, FUZHOU, NANJING)) == ("accepted", NANJING, "")
            return there and first_step(await handed_over(other, JIUJIANG, FUZHOU)) == ("accepted", FUZHOU, "")

        await until("good again", good_again)
        await at_broker(short_lived, connected=True)
    print(f"refused everywhere after {seconds:.3f} s")
    assert seconds < 1.0
