"""Signed documents never go back or change meaning; join tokens are remembered only as hashes."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from twelve333.adapters.signing import codes, documents, tokens
from twelve333.core import documents as rules
from twelve333.core.decision import Code, Refused
from twelve333.core.documents import Seen, SignedDocument, digest_of

KEY = Ed25519PrivateKey.generate()
PUBLIC = documents.public_bytes(KEY)


def _refusal(document: SignedDocument, purpose: str = "directory", seen: Seen | None = None, key: bytes = PUBLIC) -> Code:
    with pytest.raises(Refused) as caught:
        documents.verify(document, purpose, key, seen)
    return caught.value.refusal.code


@given(st.binary(max_size=200), st.text(min_size=1, max_size=16), st.integers(1, 2**63))
def test_what_was_signed_is_believed(payload: bytes, purpose: str, version: int) -> None:
    assert documents.verify(documents.sign(payload, purpose, version, KEY), purpose, PUBLIC, None) == payload


@given(st.binary(min_size=1, max_size=50), st.data())
def test_any_changed_byte_is_noticed(payload: bytes, data: st.DataObject) -> None:
    signed = documents.sign(payload, "directory", 3, KEY)
    position = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
    assert _refusal(replace(signed, payload=changed)) == rules.BAD_SIGNATURE
    assert _refusal(replace(signed, version=4)) == rules.BAD_SIGNATURE
    assert _refusal(replace(signed, purpose="library"), "library") == rules.BAD_SIGNATURE


def test_an_older_version_is_refused_and_the_same_again_is_not() -> None:
    held = Seen(5, digest_of(b"five"))
    assert _refusal(documents.sign(b"four", "directory", 4, KEY), seen=held) == rules.ROLLED_BACK
    assert documents.verify(documents.sign(b"five", "directory", 5, KEY), "directory", PUBLIC, held) == b"five"
    assert _refusal(documents.sign(b"other", "directory", 5, KEY), seen=held) == rules.FORKED
    assert documents.verify(documents.sign(b"six", "directory", 6, KEY), "directory", PUBLIC, held) == b"six"


def test_version_zero_is_never_valid() -> None:
    assert _refusal(documents.sign(b"x", "directory", 0, KEY)) == rules.ROLLED_BACK


def test_another_key_and_another_purpose_are_refused() -> None:
    signed = documents.sign(b"x", "directory", 1, KEY)
    stranger = documents.public_bytes(Ed25519PrivateKey.generate())
    assert _refusal(signed, key=stranger) == rules.WRONG_KEY
    assert _refusal(replace(signed, key_id=documents.key_id(stranger)), key=stranger) == rules.BAD_SIGNATURE
    assert _refusal(signed, "library") == rules.WRONG_PURPOSE


def test_a_signing_key_is_kept_for_its_owner_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "documents.key"
    key = documents.create_signing_key(path)
    assert documents.public_bytes(documents.load_signing_key(path)) == documents.public_bytes(key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(Refused) as caught:
        documents.create_signing_key(path)
    assert caught.value.refusal.code == codes.FILE_EXISTS


def test_tokens_differ_and_only_their_digest_is_needed() -> None:
    first, second = tokens.make_token(), tokens.make_token()
    assert first != second
    assert tokens.token_matches(first, tokens.token_digest(first))
    assert not tokens.token_matches(second, tokens.token_digest(first))
    assert first not in tokens.token_digest(first)


def test_a_token_file_is_private_and_read_back(tmp_path: Path) -> None:
    token = tokens.make_token()
    tokens.write_token(tmp_path / "token", token)
    assert tokens.read_token(tmp_path / "token") == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_what_is_no_token_is_refused_without_being_repeated() -> None:
    with pytest.raises(Refused) as caught:
        tokens.parse_token("secret but wrong")
    assert caught.value.refusal.code == codes.TOKEN_MALFORMED
    assert not caught.value.refusal.params


def test_the_printed_line_holds_no_secret() -> None:
    line = tokens.JoinOffer("hub.example:7444", "350000", "sha256:" + "0" * 64).command()
    assert "t333_" not in line
    assert "--province 350000" in line
