"""The cipher of personal columns: what it seals opens only whole, in its place, and under a key of the ring."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.signing.fields import FieldCipher, Suite, add_key, drop_old_keys, ensure_ring, open_cipher
from twelve333.adapters.signing.sm4 import Sm4Gcm
from twelve333.core.decision import Refused

NOW = datetime(2026, 1, 5, tzinfo=UTC)
PLACE = "cases.summary.c1"
SUITES: tuple[Suite, ...] = ("aes256gcm", "sm4gcm")


@pytest.fixture(params=SUITES)
def ring(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "fields.keys"
    add_key(path, request.param, NOW)
    return path


def test_what_is_sealed_opens_and_shows_nothing(ring: Path) -> None:
    cipher = FieldCipher(ring)
    sealed = cipher.seal("张三 13800000000".encode(), PLACE)
    assert cipher.open(sealed, PLACE) == "张三 13800000000".encode()
    assert "张三".encode() not in sealed
    assert b"138" not in sealed
    assert sealed != cipher.seal("张三 13800000000".encode(), PLACE)


def test_a_changed_cut_or_moved_value_does_not_open(ring: Path) -> None:
    cipher = FieldCipher(ring)
    sealed = cipher.seal(b"told", PLACE)
    changed = [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(6, len(sealed))]
    for wrong in (*changed, sealed[:-1], sealed[:20], sealed[:7]):
        with pytest.raises(Refused, match="SECURITY_FIELD_TAMPERED"):
            cipher.open(wrong, PLACE)
    with pytest.raises(Refused, match="SECURITY_FIELD_TAMPERED"):
        cipher.open(sealed, "cases.summary.c2")


def test_an_old_key_still_opens_and_the_new_one_seals(ring: Path) -> None:
    running = FieldCipher(ring)
    old = running.seal(b"told", PLACE)
    add_key(ring, "aes256gcm", NOW)
    fresh = FieldCipher(ring)
    new = fresh.seal(b"told", PLACE)
    assert fresh.open(old, PLACE) == b"told"
    assert (fresh.is_current(old), fresh.is_current(new)) == (False, True)
    assert running.open(new, PLACE) == b"told"  # looks again when it meets a key it does not know
    assert running.is_current(running.seal(b"told", PLACE))


def test_a_forgotten_key_is_named_and_what_needs_it_waits(ring: Path) -> None:
    old = FieldCipher(ring).seal(b"told", PLACE)
    add_key(ring, "aes256gcm", NOW)
    assert drop_old_keys(ring) == 1
    with pytest.raises(Refused, match="SECURITY_FIELD_KEY_UNKNOWN") as refused:
        FieldCipher(ring).open(old, PLACE)
    assert refused.value.refusal.params["key"] == old[2:6].hex()


def test_the_keyring_is_for_its_owner_only_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "fields.keys"
    ensure_ring(path, "aes256gcm", NOW)
    first = path.read_bytes()
    ensure_ring(path, "aes256gcm", NOW)
    assert path.read_bytes() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_suite_is_chosen_by_command_never_by_a_start(tmp_path: Path) -> None:
    path = tmp_path / "fields.keys"
    ensure_ring(path, "aes256gcm", NOW)
    with pytest.raises(Refused, match="SECURITY_FIELD_SUITE"):
        open_cipher(path, "sm4gcm")
    ensure_ring(path, "sm4gcm", NOW)
    assert open_cipher(path, "sm4gcm").suite == "sm4gcm"


@given(content=st.one_of(st.binary(max_size=200), st.from_regex(rb'\{"current": "[0-9a-f]{8}", "keys": \{.*\}\}', fullmatch=True)))
def test_a_damaged_keyring_is_refused_never_a_crash(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.keys"
    path.write_bytes(content)
    with pytest.raises(Refused, match="SECURITY_FILE_MALFORMED"):
        FieldCipher(path)


def test_sm4_is_the_one_of_the_standard() -> None:
    """RFC 8998, appendix A.1."""
    key, nonce = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), bytes.fromhex("00001234567800000000ABCD")
    plain = bytes.fromhex(
        "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDEEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA"
    )
    about = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    sealed = Sm4Gcm(key).encrypt(nonce, plain, about)
    assert sealed.hex().upper() == (
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert Sm4Gcm(key).decrypt(nonce, sealed, about) == plain


def test_a_ring_in_which_a_key_has_changed_is_refused(ring: Path) -> None:
    text = ring.read_text()
    at = text.index('"key": "') + len('"key": "') + 10
    ring.write_text(text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :])
    with pytest.raises(Refused) as refused:
        FieldCipher(ring)
    assert refused.value.refusal.code.name == "SECURITY_FILE_MALFORMED"
