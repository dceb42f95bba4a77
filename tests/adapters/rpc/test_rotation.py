"""Certificates are exchanged under load, at both ends of the line, and no request notices."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue
from tests.support.members import SERVICE, Echo, EchoStub, Federation

from twelve333.adapters.rpc.access import AccessTable, Shown
from twelve333.adapters.rpc.credentials import FollowedCredentials, server_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.revocations import Revocations
from twelve333.adapters.rpc.server import Listener, build_server
from twelve333.adapters.rpc.tracing import trace_interceptors
from twelve333.adapters.signing.keys import KEY_FILE, fingerprint_of, key_and_request, load_key, load_material, write_material
from twelve333.client.errors import ServiceError, raising_service_errors
from twelve333.core.identity import FEDERATION_DOMAIN, Caller, Role, dns_name, hub_identity, node_identity

TABLE: AccessTable = {f"/{SERVICE}/{name}": frozenset({Role.NODE}) for name in ("Ask", "Watch", "Send", "Talk")}
NODE, HUB = node_identity("350000"), hub_identity()
ROTATIONS, CALLERS = 12, 16


def renew(federation: Federation, folder: Path, member: str) -> str:
    """A new certificate for the same key, as renewal installs it; its serial."""
    identity = HUB if member == "hub" else NODE
    names = [dns_name(member), "localhost"]
    issued = federation.authority.issue(key_and_request(folder), identity, names, timedelta(hours=1), datetime.now(UTC))
    write_material(folder, issued.chain, issued.root)
    return issued.serial


@pytest.mark.timeout(120)
async def test_certificates_rotate_at_both_ends_under_load_without_a_failed_request(tmp_path: Path) -> None:
    federation, echo, shown = Federation.create(tmp_path), Echo(), set[str]()
    ours, theirs = federation.certify(NODE), federation.certify(HUB)

    def note(_caller: Caller, certificate: Shown) -> None:
        shown.add(certificate.serial)

    server = build_server(Listener("127.0.0.1:0", server_credentials(theirs), FEDERATION_DOMAIN, note), [echo.register], TABLE)
    await server.start()
    peers = Peers(lambda _: server.address, FollowedCredentials(ours), trace_interceptors())
    answered, failed, over = 0, list[grpc.StatusCode](), asyncio.Event()

    async def call() -> None:
        nonlocal answered
        while not over.is_set():
            try:
                await EchoStub(peers.channel("hub")).Ask(StringValue(value="hello"), timeout=10)
                answered += 1
            except grpc.aio.AioRpcError as error:
                failed.append(error.code())

    async with asyncio.timeout(90), asyncio.TaskGroup() as load:
        for _ in range(CALLERS):
            load.create_task(call())
        serials = []
        for _ in range(ROTATIONS):
            renew(federation, theirs, "hub")
            serials.append(renew(federation, ours, "350000"))
            goal = answered + 3 * CALLERS
            while answered < goal and not failed:
                await asyncio.sleep(0)
        over.set()
    await peers.close()
    await server.server.stop(0)
    assert failed == []
    assert answered >= ROTATIONS * 3 * CALLERS
    assert set(serials) <= shown  # each certificate was really used


async def test_a_certificate_half_written_leaves_the_one_in_use(tmp_path: Path) -> None:
    federation = Federation.create(tmp_path)
    folder = federation.certify(NODE)
    followed = FollowedCredentials(folder)
    before = followed.now()
    (folder / "tls.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    assert followed.now() == before
    renew(federation, folder, "350000")
    assert followed.now() != before


async def test_a_revoked_key_is_refused_at_the_next_call_whatever_certificate_it_shows(tmp_path: Path) -> None:
    federation, echo, revoked = Federation.create(tmp_path), Echo(), Revocations()
    ours = federation.certify(NODE)
    credentials = server_credentials(federation.certify(HUB))
    server = build_server(Listener("127.0.0.1:0", credentials, FEDERATION_DOMAIN, revoked.admit), [echo.register], TABLE)
    await server.start()
    peers = Peers(lambda _: server.address, FollowedCredentials(ours))
    await EchoStub(peers.channel("hub")).Ask(StringValue(value="hello"), timeout=10)
    revoked.use({fingerprint_of(load_key(ours / KEY_FILE).public_key())}, {"350000"})
    for _ in ("the certificate it had", "a renewed one"):
        with pytest.raises(ServiceError) as refused, raising_service_errors():
            await EchoStub(peers.channel("hub")).Ask(StringValue(value="hello"), timeout=10)
        assert refused.value.code == "RPC_CALLER_REVOKED"
        serial = load_material(ours).serial
        assert renew(federation, ours, "350000") != serial
    await peers.close()
    await server.server.stop(0)
    assert revoked.covers("350000") and not revoked.covers("320000")
    assert echo.calls == 1
