"""Enrolment and the register of units, with real processes, mutual TLS and a real broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import grpc
import pytest

from tests.support.federation import cli, one_federation
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
        members = {member.name for member in await hub.registration.list_members()}
    assert {"320000", "360000", "350000", "230000", "310000"} <= members


async def test_the_checks_before_joining_pass_at_a_hub_that_is_well(federation: Federation, tmp_path: Path) -> None:
    async with federation.hub.connect() as hub:
        token = await hub.registration.create_token("460000")
    offer = ["--province", "460000", "--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--directory", tmp_path / "node"]
    ports = [f"--{name}-port={port}" for name, port in zip(("federation", "desk", "health"), free_ports(3), strict=True)]
    done = await asyncio.to_thread(cli, "node", "preflight", *offer, *ports, "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"passed": ["dns", "hub", "clock", "versions", "broker", "ports", "disk"]}
