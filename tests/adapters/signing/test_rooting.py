"""Another root: vouched for by the one before or not at all, exchanged in three steps that a broken-off command cannot spoil."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from twelve333.adapters.signing import rooting
from twelve333.adapters.signing.authority import create_authority, load_authority, trust_of
from twelve333.adapters.signing.issuing import FollowedAuthority
from twelve333.adapters.signing.keys import key_and_request, load_certificates, load_material, write_material
from twelve333.adapters.signing.renewal import renew_own
from twelve333.adapters.signing.rooting import Stage, stage_of
from twelve333.adapters.signing.trust import Trust, from_der, reach, take_up, to_der
from twelve333.core.decision import Refused
from twelve333.core.identity import node_identity

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
NODE = node_identity("350000")


def rotated(folder: Path, times: int) -> list[x509.Certificate]:
    """An authority whose root was exchanged so often; all its roots, the first first."""
    roots = [create_authority(folder, "test", NOW).root]
    for _ in range(times):
        roots.append(rooting.begin(folder, folder / "root", None, "test", NOW))
        rooting.switch(folder)
        rooting.retire(folder)
    return roots


def member(authority: FollowedAuthority, folder: Path) -> Path:
    """A member's folder under the authority."""
    issued = authority.issue(key_and_request(folder), NODE, [], timedelta(days=30), NOW)
    write_material(folder, issued.chain, issued.root)
    return folder


def test_a_certificate_moves_to_the_new_root_step_by_step_and_is_good_at_each(tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    old = create_authority(ca, "test", NOW).root
    authority = FollowedAuthority(ca)
    folder = member(authority, tmp_path / "member")
    seen = [stage_of(ca)]
    new = rooting.begin(ca, ca / "root", tmp_path / "safe", "test", NOW)
    seen.append(stage_of(ca))
    assert not renew_own(authority, folder, NODE, [], NOW, carries_root=False)  # trusts both, has not moved
    assert load_certificates(folder / "ca.crt") == [old, new] and authority.root == old
    rooting.switch(ca)
    seen.append(stage_of(ca))
    assert renew_own(authority, folder, NODE, [], NOW, carries_root=False) and authority.root == new
    load_material(folder)
    rooting.retire(ca)
    seen.append(stage_of(ca))
    renew_own(authority, folder, NODE, [], NOW, carries_root=False)
    assert load_certificates(folder / "ca.crt") == [new]
    load_material(folder)
    assert seen == [Stage.NONE, Stage.BEGUN, Stage.SWITCHED, Stage.NONE]
    assert sorted(path.name for path in ca.rglob("ca.key")) == ["ca.key"]  # of the issuing half: the root's is in the safe
    assert (tmp_path / "safe" / "ca.key").stat().st_mode & 0o777 == 0o600


def test_a_stolen_document_key_alone_brings_in_no_root(tmp_path: Path) -> None:
    ours = create_authority(tmp_path / "ours", "test", NOW)
    rotated(tmp_path / "theirs", 1)
    theirs = trust_of(tmp_path / "theirs")
    told = Trust((ours.root, *theirs.roots), (*theirs.links, ours.root))
    taken = take_up([ours.root], ours.certificate, told, NOW)
    assert (taken.roots, taken.refused) == ((ours.root,), theirs.roots)
    alone = take_up([ours.root], ours.certificate, Trust(theirs.roots, theirs.links), NOW)
    assert alone.roots == (ours.root,)  # nor does it take away the root that proves ourselves


def test_whoever_missed_two_exchanges_follows_from_root_to_root(tmp_path: Path) -> None:
    first, second, third = rotated(tmp_path, 2)
    links = trust_of(tmp_path).links
    assert reach([first], links, NOW) == [first, second, third]
    assert third in reach([second], links, NOW)
    assert third not in reach([first], [each for each in links if each != second], NOW)  # each step must be there
    assert first not in reach([third], links, NOW + rooting.OLD_VOUCHED + timedelta(days=1))  # the way back ends


def test_a_voucher_that_was_changed_or_cannot_be_read_brings_nothing_in(tmp_path: Path) -> None:
    first, second = rotated(tmp_path, 1)
    encoded = to_der(trust_of(tmp_path).links)
    spoilt = [each[:-1] + bytes([each[-1] ^ 1]) for each in encoded]
    assert second not in reach([first], from_der(spoilt), NOW)
    assert from_der([b"no certificate", b""]) == ()
    assert second in reach([first], from_der(encoded), NOW)


@pytest.mark.parametrize("half", ["root", "issuing"])
def test_a_switch_that_broke_off_leaves_an_authority_that_issues_and_is_finished_by_a_repeat(tmp_path: Path, half: str) -> None:
    create_authority(tmp_path / "ca", "test", NOW)
    new = rooting.begin(tmp_path / "ca", tmp_path / "ca" / "root", None, "test", NOW)
    (tmp_path / "ca" / half).rename(tmp_path / "ca" / f"{half}.old")
    (tmp_path / "ca" / f"{half}.next").rename(tmp_path / "ca" / half)
    member(FollowedAuthority(tmp_path / "ca"), tmp_path / "member")
    load_material(tmp_path / "member")
    assert rooting.switch(tmp_path / "ca") == new == load_authority(tmp_path / "ca").root


def test_steps_out_of_turn_and_another_roots_key_change_nothing(tmp_path: Path) -> None:
    create_authority(tmp_path / "ours", "test", NOW)
    create_authority(tmp_path / "theirs", "test", NOW)
    ours, before = tmp_path / "ours", load_authority(tmp_path / "ours").certificate

    def code_of(step: object, *arguments: object) -> str:
        with pytest.raises(Refused) as refused:
            step(*arguments)  # type: ignore[operator]
        return refused.value.refusal.code.name

    assert code_of(rooting.begin, ours, tmp_path / "theirs" / "root", None, "test", NOW) == "SECURITY_KEY_MISMATCH"
    assert code_of(rooting.begin, ours, tmp_path / "safe", None, "test", NOW) == "SECURITY_FILE_MISSING"
    assert code_of(rooting.switch, ours) == "SECURITY_ROTATION_NOT_BEGUN"
    assert code_of(rooting.retire, ours) == "SECURITY_ROTATION_NOT_SWITCHED"
    assert stage_of(ours) is Stage.NONE and load_authority(ours).certificate == before
    rooting.begin(ours, ours / "root", None, "test", NOW)
    assert code_of(rooting.begin, ours, ours / "root", None, "test", NOW) == "SECURITY_ROTATION_UNDER_WAY"
    assert code_of(rooting.retire, ours) == "SECURITY_ROTATION_NOT_SWITCHED"
