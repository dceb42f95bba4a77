"""National ciphers: the standards' own examples, what is wrong refused, and no way from one suite down to another."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from twelve333.adapters.signing import documents, sm2
from twelve333.adapters.signing.sealing import Opener, Sealer, check_public_key, listed_key, mark_of, private_key, public_bytes
from twelve333.adapters.signing.sm2 import Sm2PrivateKey
from twelve333.adapters.signing.sm4 import Sm4Gcm
from twelve333.adapters.signing.suites import CIPHERS
from twelve333.core import documents as rules
from twelve333.core.decision import Refused
from twelve333.core.digests import digest
from twelve333.core.documents import SignedDocument

KEY = Sm2PrivateKey.generate()
PUBLIC = KEY.public_bytes()
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# GB/T 32918.5, annex A.2: the message "message digest", signed by the id 1234567812345678.
STANDARD_KEY = bytes.fromhex(
    "0409F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
STANDARD_SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
# RFC 8998, annex A.1, for SM4-GCM.
GCM_KEY, GCM_NONCE = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), bytes.fromhex("00001234567800000000ABCD")
GCM_NAMES = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
GCM_PLAIN = b"".join(bytes([each]) * 8 for each in (0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0xEE, 0xAA))
GCM_SEALED = bytes.fromhex(
    "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
    "83DE3541E4C2B58177E065A9BF7B62EC"
)


def _code(document: SignedDocument, key: bytes) -> str:
    with pytest.raises(Refused) as caught:
        documents.verify(document, "directory", key, None)
    return caught.value.refusal.code.name


def test_sm3_hashes_the_examples_of_its_standard() -> None:
    assert digest("sm3", b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert digest("sm3", b"abcd" * 16).hex() == "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"


def test_sm4_seals_the_examples_of_its_standards() -> None:
    block = Cipher(algorithms.SM4(GCM_KEY), modes.ECB()).encryptor().update(GCM_KEY)
    assert block.hex() == "681edf34d206965e86b3e94f536e4246"
    assert Sm4Gcm(GCM_KEY).encrypt(GCM_NONCE, GCM_PLAIN, GCM_NAMES) == GCM_SEALED
    assert Sm4Gcm(GCM_KEY).decrypt(GCM_NONCE, GCM_SEALED, GCM_NAMES) == GCM_PLAIN


def test_sm2_takes_the_example_of_its_standard_and_nothing_near_it() -> None:
    sm2.verify(STANDARD_KEY, STANDARD_SIGNATURE, b"message digest")
    r, s = STANDARD_SIGNATURE[:32], STANDARD_SIGNATURE[32:]
    zero, order, most = bytes(32), ORDER.to_bytes(32, "big"), b"\xff" * 32
    negated = (ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")  # the twin that ECDSA takes
    beyond = [zero + s, r + zero, zero + zero, order + s, r + order, most + s, r + most, s + r, r + negated]
    for wrong in [*beyond, b"", r, STANDARD_SIGNATURE + b"\x00", b"\x00" + STANDARD_SIGNATURE]:
        with pytest.raises(InvalidSignature):
            sm2.verify(STANDARD_KEY, wrong, b"message digest")
    with pytest.raises(InvalidSignature):
        sm2.verify(STANDARD_KEY, STANDARD_SIGNATURE, b"message digesu")


NO_POINTS = [b"", b"\x00", b"\x04" + bytes(64), b"\x04" + b"\x01" * 64, STANDARD_KEY[:-1], b"\x02" + STANDARD_KEY[1:33]]


@pytest.mark.parametrize("point", NO_POINTS)
def test_what_is_no_point_of_the_curve_is_no_key(point: bytes) -> None:
    with pytest.raises(ValueError, match=r"point|public|size|curve"):
        sm2.verify(point, STANDARD_SIGNATURE, b"message digest")


@settings(max_examples=30)
@given(st.binary(max_size=60), st.integers(1, 2**60), st.data())
def test_a_document_signed_by_sm2_is_believed_whole_or_not_at_all(payload: bytes, version: int, data: st.DataObject) -> None:
    signed = documents.sign(payload, "directory", version, KEY)
    assert (signed.suite, len(signed.signature)) == ("sm2-sm3", 64)
    assert documents.verify(signed, "directory", PUBLIC, None) == payload
    at = data.draw(st.integers(0, 511))
    flipped = (int.from_bytes(signed.signature, "big") ^ 1 << at).to_bytes(64, "big")
    assert _code(replace(signed, signature=flipped), PUBLIC) == rules.BAD_SIGNATURE.name
    assert _code(replace(signed, payload=payload + b"x"), PUBLIC) == rules.BAD_SIGNATURE.name
    assert _code(replace(signed, version=version + 1), PUBLIC) == rules.BAD_SIGNATURE.name


def test_no_document_leads_from_the_pinned_suite_to_another() -> None:
    other = Ed25519PrivateKey.generate()
    theirs, weak = documents.public_bytes(other), documents.sign(b"x", "directory", 1, other)
    assert _code(weak, PUBLIC) == "SECURITY_DOCUMENT_WRONG_SUITE"
    assert _code(replace(weak, suite="sm2-sm3"), PUBLIC) == "SECURITY_DOCUMENT_WRONG_KEY"
    assert _code(replace(weak, suite="sm2-sm3", key_id=documents.key_id(PUBLIC)), PUBLIC) == "SECURITY_DOCUMENT_BAD_SIGNATURE"
    strong = documents.sign(b"x", "directory", 1, KEY)
    assert _code(strong, theirs) == "SECURITY_DOCUMENT_WRONG_SUITE"
    assert _code(replace(strong, suite="none"), PUBLIC) == "SECURITY_DOCUMENT_WRONG_SUITE"
    # Signed as if it were of the other suite: the suite is part of what is signed.
    crossed = KEY.sign(rules.signed_bytes(b"x", "directory", 1, "ed25519"))
    assert _code(replace(strong, signature=crossed), PUBLIC) == "SECURITY_DOCUMENT_BAD_SIGNATURE"


def test_a_signing_key_of_sm2_is_kept_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "documents.key"
    made = documents.create_signing_key(path, "sm2-sm3")
    read = documents.load_signing_key(path)
    assert documents.public_bytes(read) == documents.public_bytes(made)
    assert isinstance(read, Sm2PrivateKey)
    path.write_bytes(path.read_bytes().replace(b"M", b"N", 1))
    with pytest.raises(Refused, match="SECURITY_FILE_MALFORMED"):
        documents.load_signing_key(path)


def test_without_the_library_sm2_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tongsuopy.crypto", "tongsuopy.crypto.asymciphers"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (Sm2PrivateKey.generate, lambda: sm2.verify(STANDARD_KEY, STANDARD_SIGNATURE, b""), sm2.check_library):
        with pytest.raises(Refused, match="SECURITY_SUITE_MISSING"):
            use()


def test_an_event_is_sealed_in_the_suite_that_its_receiver_lists() -> None:
    suite, ours = CIPHERS["sm4gcm"], private_key(b"a" * 16, b"1234", CIPHERS["sm4gcm"].hash)
    listed = listed_key(ours, suite)
    assert (len(listed), mark_of(listed), mark_of(public_bytes(ours))) == (33, 2, 1)
    check_public_key(listed)
    sealed, opener = Sealer().seal("350000", listed, b"told", b"names"), Opener(lambda: (ours,))
    assert opener.open(sealed, b"names", 2) == b"told"
    for wrong in (0, 1, 3):  # named as another suite it does not open
        with pytest.raises(Refused, match="SECURITY_SEAL_NOT_OPENED"):
            opener.open(sealed, b"names", wrong)


@pytest.mark.parametrize("key", [b"\x03" + b"x" * 32, b"\x00" + b"x" * 32, b"\x02" * 34, b"\x02" + bytes(32)])
def test_a_key_of_no_suite_is_refused(key: bytes) -> None:
    with pytest.raises(Refused, match="SECURITY_SEAL_KEY_MALFORMED"):
        check_public_key(key)
