"""Operators and desks of a running federation: made and ended by command, refused at once, and nobody else is disturbed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.federation import Answer, cli, one_federation
from twelve333.cli.demo.federation import Federation

pytestmark = one_federation
PROVINCE = "310000"
ASKED = {"hub": ("hub", "members"), "node": ("library", "release")}


def asked(service: str, profile: Path) -> Answer:
    """Something that a certificate made there may ask; whether there is an answer is another matter."""
    return cli(*ASKED[service], profile=profile)


@pytest.mark.parametrize(("service", "group"), [("hub", "operator"), ("node", "operator"), ("node", "desk")])
async def test_who_is_revoked_is_refused_at_once_and_comes_back_with_another_key(
    federation: Federation, tmp_path: Path, service: str, group: str
) -> None:
    operator = federation.hub.profile if service == "hub" else federation.nodes[PROVINCE].profile
    first, second = tmp_path / "first", tmp_path / "second"
    made = cli(service, group, "create", "wang", "--directory", first, profile=operator)
    assert made.code == 0, made.err
    assert (first / "tls.key").stat().st_mode & 0o777 == 0o600
    assert "REVOKED" not in asked(service, first).err
    again = cli(service, group, "create", "wang", "--directory", second, profile=operator)
    assert "REGISTRATION_HOLDER_EXISTS" in again.err
    ended = cli(service, group, "revoke", "wang", "--reason", "has left", "--json", profile=operator)
    assert (ended.code, json.loads(ended.out)["counts"]) == (0, False)
    refused = asked(service, first)
    assert (refused.code, "RPC_HOLDER_REVOKED" in refused.err) == (4, True)
    back = cli(service, group, "create", "wang", "--directory", second, profile=operator)
    assert back.code == 0, back.err
    assert "REVOKED" not in asked(service, second).err
    assert "RPC_HOLDER_REVOKED" in asked(service, first).err
    listed = json.loads(cli(service, group, "list", "--json", profile=operator).out)
    assert [(each["name"], each["counts"]) for each in listed if each["name"] == "wang"] == [("wang", True)]
    assert "REVOKED" not in asked(service, operator).err


async def test_nobody_ends_themselves_and_a_desk_ends_nobody(federation: Federation) -> None:
    node = federation.nodes[PROVINCE].folder / "profiles"
    themselves = cli("hub", "operator", "revoke", "operator", "--reason", "x", profile=federation.hub.profile)
    assert (themselves.code, "REGISTRATION_HOLDER_SELF" in themselves.err) == (4, True)
    desk = cli("node", "operator", "revoke", "operator", "--reason", "x", profile=node / "desk-1")
    assert (desk.code, "RPC_ROLE_DENIED" in desk.err) == (4, True)
    at_hub = cli("node", "desk", "revoke", "li", "--reason", "x", profile=federation.hub.profile)
    assert (at_hub.code, "REGISTRATION_HOLDER_KIND" in at_hub.err) == (2, True)
