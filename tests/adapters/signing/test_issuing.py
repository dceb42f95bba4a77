"""Another issuing authority under the same root: taken up while running, certificates of both count, a wrong root's key changes nothing."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twelve333.adapters.signing.authority import create_authority, load_authority
from twelve333.adapters.signing.issuing import FollowedAuthority, rotate_issuing
from twelve333.adapters.signing.keys import key_and_request, load_material, write_material
from twelve333.core.decision import Refused
from twelve333.core.identity import node_identity

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
NODE = node_identity("350000")


def certify(authority: FollowedAuthority, folder: Path) -> bytes:
    """Certify a key in `folder`; the issuing certificate that came with it."""
    issued = authority.issue(key_and_request(folder), NODE, [], timedelta(days=30), NOW)
    write_material(folder, issued.chain, issued.root)
    assert load_material(folder).identity == NODE  # it chains to the root
    return issued.chain.split(b"-----END CERTIFICATE-----")[1]


def test_a_running_process_takes_up_the_new_authority_and_the_old_key_is_gone(tmp_path: Path) -> None:
    create_authority(tmp_path / "ca", "test", NOW)
    followed = FollowedAuthority(tmp_path / "ca")
    pin, old = followed.root, certify(followed, tmp_path / "a")
    rotate_issuing(tmp_path / "ca", tmp_path / "ca" / "root", "test", NOW)
    assert certify(followed, tmp_path / "b") != old
    assert followed.root == pin
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == ["issuing", "root"]
    load_material(tmp_path / "a")  # and what the old one issued still chains to the root


def test_an_exchange_that_broke_off_is_finished_by_a_repeat_and_keeps_the_hub_issuing(tmp_path: Path) -> None:
    create_authority(tmp_path, "test", NOW)
    followed = FollowedAuthority(tmp_path)
    (tmp_path / "issuing").rename(tmp_path / "issuing.old")
    certify(followed, tmp_path / "a")
    made = rotate_issuing(tmp_path, tmp_path / "root", "test", NOW)
    assert load_authority(tmp_path).certificate == made.certificate
    assert not (tmp_path / "issuing.old").exists()


def test_another_roots_key_or_none_changes_nothing(tmp_path: Path) -> None:
    create_authority(tmp_path / "ours", "test", NOW)
    create_authority(tmp_path / "theirs", "test", NOW)
    before = load_authority(tmp_path / "ours").certificate
    for root, code in ((tmp_path / "theirs" / "root", "SECURITY_KEY_MISMATCH"), (tmp_path / "safe", "SECURITY_FILE_MISSING")):
        with pytest.raises(Refused) as refused:
            rotate_issuing(tmp_path / "ours", root, "test", NOW)
        assert refused.value.refusal.code.name == code
    assert load_authority(tmp_path / "ours").certificate == before


def test_the_new_authority_does_not_outlive_the_root(tmp_path: Path) -> None:
    authority = create_authority(tmp_path, "test", NOW)
    late = authority.root.not_valid_after_utc - timedelta(days=10)
    made = [rotate_issuing(tmp_path, tmp_path / "root", "test", late).certificate for _ in range(2)]
    assert all(each.not_valid_after_utc == authority.root.not_valid_after_utc for each in made)
    assert all(one.serial_number != other.serial_number for one, other in itertools.pairwise(made))
