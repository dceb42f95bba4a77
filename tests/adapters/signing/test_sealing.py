"""What is sealed to a member opens there and nowhere else, only whole and only under its own name."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.signing import sealing
from twelve333.adapters.signing.fields import FieldCipher, add_key, drop_old_keys
from twelve333.adapters.signing.sealing import Opener, Sealer, check_public_key, private_key, public_bytes
from twelve333.core.decision import Refused

NOW = datetime(2026, 1, 5, tzinfo=UTC)
OURS, OTHERS = private_key(b"a" * 32, b"1234"), private_key(b"b" * 32, b"1234")
NAMES = b"320000 350000 event-1"


def test_the_receiver_opens_it_and_nobody_else() -> None:
    sealed = Sealer().seal("350000", public_bytes(OURS), "张三".encode(), NAMES)
    assert "张三".encode() not in sealed
    assert Opener(lambda: (OURS,)).open(sealed, NAMES) == "张三".encode()
    with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
        Opener(lambda: (OTHERS,)).open(sealed, NAMES)


def test_a_changed_payload_or_another_envelope_does_not_open() -> None:
    sealed, opener = Sealer().seal("350000", public_bytes(OURS), b"told", NAMES), Opener(lambda: (OURS,))
    for wrong in [sealed[:i] + bytes([sealed[i] ^ 1]) + sealed[i + 1 :] for i in range(len(sealed))]:
        with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
            opener.open(wrong, NAMES)
    with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
        opener.open(sealed, b"320000 350000 event-2")


@given(st.binary(max_size=120))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
        Opener(lambda: (OURS,)).open(rubbish, NAMES)


def test_one_agreement_serves_many_events_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "ONE_KEY_EVENTS", 3)
    sealer, opener = Sealer(), Opener(lambda: (OURS,))
    sealed = [sealer.seal("350000", public_bytes(OURS), b"told", NAMES) for _ in range(7)]
    assert len({each[:36] for each in sealed}) == 3
    assert len(set(sealed)) == 7
    assert {opener.open(each, NAMES) for each in sealed} == {b"told"}


def test_another_key_of_the_receiver_is_used_at_once() -> None:
    sealer = Sealer()
    sealer.seal("350000", public_bytes(OURS), b"told", NAMES)
    assert Opener(lambda: (OTHERS,)).open(sealer.seal("350000", public_bytes(OTHERS), b"told", NAMES), NAMES) == b"told"


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), b"x" * 33])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(Refused, match="SECURITY_SEAL_KEY_MALFORMED"):
        check_public_key(key)


def test_what_was_sealed_before_a_rotation_opens_until_the_old_key_is_forgotten(tmp_path: Path) -> None:
    ring = tmp_path / "fields.keys"
    add_key(ring, "aes256gcm", NOW)
    cipher = FieldCipher(ring)
    before = cipher.public_key()
    sealed = Sealer().seal("350000", before, b"told", NAMES)
    add_key(ring, "sm4gcm", NOW)
    assert cipher.public_key() != before
    assert Opener(cipher.sealing_keys).open(sealed, NAMES) == b"told"
    drop_old_keys(ring)
    with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
        Opener(cipher.sealing_keys).open(sealed, NAMES)
