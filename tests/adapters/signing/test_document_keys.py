"""The hub's document key exchanged: each vouches for the next; who pinned one of before is led on, and nobody else can lead anywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from twelve333.adapters.signing.document_keys import (
    PINNED_FILE,
    DocumentKeys,
    exchange_key,
    keys_of,
    led_from,
    load_pinned,
    load_vouchers,
    verify_by_any,
)
from twelve333.adapters.signing.documents import create_signing_key, load_signing_key, public_bytes, sign
from twelve333.core.decision import Refused

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def test_who_pinned_any_key_of_before_is_led_to_the_present_one(tmp_path: Path) -> None:
    keys = [public_bytes(create_signing_key(tmp_path / "documents.key"))]
    keys += [exchange_key(tmp_path, NOW + n * DAY) for n in range(3)]
    vouchers = load_vouchers(tmp_path)
    assert public_bytes(load_signing_key(tmp_path / "documents.key")) == keys[-1]
    for at, pinned in enumerate(keys):
        assert [each.key for each in led_from(pinned, vouchers)] == keys[at + 1 :]
    assert led_from(public_bytes(create_signing_key(tmp_path / "stranger.key")), vouchers) == []
    assert list(keys_of(vouchers, keys[-1])) == keys, "the hub knows all its own"
    assert not (tmp_path / "documents.key.next").exists()


def test_an_exchange_that_broke_off_is_finished_by_a_repeat(tmp_path: Path) -> None:
    old = create_signing_key(tmp_path / "documents.key")
    new = exchange_key(tmp_path, NOW)
    vouchers = (tmp_path / "documents.vouchers").read_bytes()
    (tmp_path / "documents.key").rename(tmp_path / "documents.key.next")  # the voucher is written, the key not in place yet
    pem = (tmp_path / "documents.key.next").read_bytes()
    (tmp_path / "documents.key").write_bytes(_pem(old))
    assert exchange_key(tmp_path, NOW + DAY) == new
    assert (tmp_path / "documents.vouchers").read_bytes() == vouchers
    assert (tmp_path / "documents.key").read_bytes() == pem


def test_what_the_key_of_before_signed_counts_for_a_week_but_no_directory(tmp_path: Path) -> None:
    old = create_signing_key(tmp_path / "documents.key")
    document = sign(b"said", "library", 1, old)
    keys = DocumentKeys(public_bytes(old))
    exchange_key(tmp_path, NOW)
    keys.take_up(keys.exchanges(load_vouchers(tmp_path)))
    assert keys.verify_older(document, "library", NOW + 6 * DAY) == b"said"
    assert keys.verify_older(document, "library") == b"said"
    for refused in (lambda: keys.verify_older(document, "library", NOW + 8 * DAY), lambda: keys.verify(document, "library", None)):
        with pytest.raises(Refused) as caught:
            refused()
        assert caught.value.refusal.code.name == "SECURITY_DOCUMENT_WRONG_KEY"
    new = load_signing_key(tmp_path / "documents.key")
    assert keys.verify(sign(b"said", "directory", 2, new), "directory", None) == b"said"
    assert verify_by_any(document, "library", keys_of(load_vouchers(tmp_path), public_bytes(new))) == b"said"


def _pem(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(  # type: ignore[attr-defined,no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.mark.parametrize("flipped", [b"!", b"\xe1", b"g"])
def test_a_flipped_bit_of_the_pinned_key_is_named_with_its_file(tmp_path: Path, flipped: bytes) -> None:
    (tmp_path / PINNED_FILE).write_bytes(b"a1" * 15 + flipped + b"1\n")
    with pytest.raises(Refused) as refused:
        load_pinned(tmp_path)
    assert refused.value.refusal.code.name == "SECURITY_FILE_MALFORMED" and PINNED_FILE in refused.value.refusal.params["path"]
