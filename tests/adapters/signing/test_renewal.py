"""When a certificate is renewed, what is put in its place, and how a key alone proves its member."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from national_hub.renewal import Renewal
from twelve333.adapters.signing.authority import Authority, create_authority
from twelve333.adapters.signing.keys import key_and_request, load_material, write_material
from twelve333.adapters.signing.profiles import ROOT_OID
from twelve333.adapters.signing.renewal import check_proof, due_at, install_chain, make_proof, present_leaf, renew_own, renew_profiles
from twelve333.core.decision import Refused
from twelve333.core.identity import (
    FEDERATION_DOMAIN,
    Identity,
    broker_identity,
    desk_identity,
    dns_name,
    hub_identity,
    node_identity,
    operator_identity,
)

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
NODE, NAMES = node_identity("350000"), [dns_name("350000"), "localhost"]
LIFETIME = timedelta(days=30)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return create_authority(tmp_path_factory.mktemp("authority"), "test", NOW)


def certify(authority: Authority, folder: Path, identity: Identity = NODE, *, carries_root: bool = False) -> Path:
    issued = authority.issue(key_and_request(folder), identity, NAMES, LIFETIME, NOW, carries_root=carries_root)
    write_material(folder, issued.chain, issued.root)
    return folder


def code_of(raised: pytest.ExceptionInfo[Refused]) -> str:
    return raised.value.refusal.code.name


def test_a_certificate_is_due_after_about_two_thirds_of_its_life_and_not_for_all_at_once(authority: Authority, tmp_path: Path) -> None:
    moments = {due_at(present_leaf(certify(authority, tmp_path / str(number)))) for number in range(20)}
    assert all(0.63 * LIFETIME <= moment - NOW <= 0.70 * LIFETIME for moment in moments)
    assert len(moments) > 10


def test_the_hub_renews_its_own_certificates_and_the_brokers_for_the_same_keys(authority: Authority, tmp_path: Path) -> None:
    folders = {"federation": hub_identity(), "enrolment": hub_identity(), "broker": broker_identity()}
    for name, identity in folders.items():
        certify(authority, tmp_path / name, identity, carries_root=name == "enrolment")
    before = {name: present_leaf(tmp_path / name) for name in folders}
    settings = SimpleNamespace(pki_directory=tmp_path, base=tmp_path)

    async def step(now: datetime) -> None:
        await Renewal(cast("Any", SimpleNamespace(settings=settings, authority=authority, clock=lambda: now))).step()

    asyncio.run(step(NOW + 0.6 * LIFETIME))
    assert {name: present_leaf(tmp_path / name) for name in folders} == before
    asyncio.run(step(NOW + 0.71 * LIFETIME))
    for name in folders:
        after = present_leaf(tmp_path / name)
        assert after.public_key() == before[name].public_key()
        assert after.not_valid_after_utc == NOW + 0.71 * LIFETIME + LIFETIME
        assert any(extension.oid == ROOT_OID for extension in after.extensions) == (name == "enrolment")


def test_profiles_that_lie_here_are_renewed_and_those_of_another_domain_are_not(authority: Authority, tmp_path: Path) -> None:
    ours = certify(authority, tmp_path / "profiles" / "li", operator_identity("li"))
    theirs = certify(authority, tmp_path / "profiles" / "desk-1", desk_identity("350000", "desk-1"))
    machine = certify(authority, tmp_path / "profiles" / "hub", NODE)
    before = [load_material(folder).serial for folder in (ours, theirs, machine)]
    renew_profiles(authority, tmp_path / "profiles", FEDERATION_DOMAIN, NOW + LIFETIME)
    after = [load_material(folder) for folder in (ours, theirs, machine)]
    assert [one == other.serial for one, other in zip(before, after, strict=True)] == [False, True, True]
    assert after[0].identity == operator_identity("li")


def test_a_hub_whose_broker_lives_elsewhere_renews_the_rest(authority: Authority, tmp_path: Path) -> None:
    later = NOW + LIFETIME
    assert not renew_own(authority, tmp_path / "absent", broker_identity(), NAMES, later, carries_root=False)


def test_only_a_chain_for_our_key_and_our_identity_is_put_in_place(authority: Authority, tmp_path: Path) -> None:
    ours, other = certify(authority, tmp_path / "ours"), certify(authority, tmp_path / "other")
    before = load_material(ours)
    as_somebody_else = authority.issue(key_and_request(ours), node_identity("320000"), [], LIFETIME, NOW).chain
    for chain in ((other / "tls.crt").read_bytes(), as_somebody_else):
        with pytest.raises(Refused) as refused:
            install_chain(ours, chain)
        assert code_of(refused) == "SECURITY_KEY_MISMATCH"
    assert load_material(ours) == before
    install_chain(ours, authority.issue(key_and_request(ours), NODE, NAMES, LIFETIME, NOW).chain)
    assert load_material(ours).serial != before.serial
    assert sorted(path.name for path in ours.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]


def test_a_key_proves_its_member_within_ten_minutes_of_the_hubs_clock(tmp_path: Path) -> None:
    proof = make_proof(tmp_path, "350000", NOW)
    check_proof(proof, NAMES, NOW + timedelta(minutes=10))
    with pytest.raises(Refused) as refused:
        check_proof(proof, NAMES, NOW + timedelta(minutes=11))
    assert code_of(refused) == "REGISTRATION_CLOCK_OFF"


def test_a_proof_changed_in_any_part_is_refused(tmp_path: Path) -> None:
    proof, other = make_proof(tmp_path / "a", "350000", NOW), make_proof(tmp_path / "b", "350000", NOW)
    changed = [
        replace(proof, province="320000"),
        replace(proof, signed_at=NOW + timedelta(seconds=1)),
        replace(proof, request=other.request),
        replace(proof, signature=other.signature),
        replace(proof, signature=b""),
    ]
    for each in changed:
        with pytest.raises(Refused) as refused:
            check_proof(each, [dns_name(each.province), "localhost"], NOW)
        assert code_of(refused) == "REGISTRATION_PROOF_WRONG"
