"""Signatures over documents: the hub signs, every reader checks suite, key, signature, purpose and version before believing a byte.

Which suite counts is told by the key that a reader pinned when it joined, never by the document: Ed25519 keys have 32 bytes, SM2 keys 65.
Source: RFC 8032, GB/T 32918.2; the order of checks follows the TUF specification 5.3 (signature before content, version before use).
"""

from __future__ import annotations

import base64
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from twelve333.core import documents
from twelve333.core.decision import Refused, refuse
from twelve333.core.digests import SHA256_NAME, SM3_NAME, digest
from twelve333.core.documents import ED25519, SM2_SM3, Seen, SignedDocument

from . import codes, sm2
from .files import PRIVATE, read_file, refuse_existing, write_file
from .sm2 import Sm2PrivateKey

SigningKey = Ed25519PrivateKey | Sm2PrivateKey


def create_signing_key(path: Path, suite: str = ED25519) -> SigningKey:
    """Make a document-signing key of `suite` and keep it at `path` (0600).

    Raises:
        Refused: SECURITY_FILE_EXISTS, SECURITY_FILE_UNREADABLE, SECURITY_SUITE_MISSING.
    """
    refuse_existing(path)
    if suite == SM2_SM3:
        made = Sm2PrivateKey.generate()
        write_file(path, made.pem(), PRIVATE)
        return made
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_file(path, pem, PRIVATE)
    return key


def load_signing_key(path: Path) -> SigningKey:
    """Read the key that `create_signing_key` kept.

    Raises:
        Refused: SECURITY_FILE_*, SECURITY_SUITE_MISSING.
    """
    pem = read_file(path)
    try:
        key = Sm2PrivateKey.load(pem) if _is_sm2(pem) else serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error
    if not isinstance(key, SigningKey):
        raise Refused(refuse(codes.FILE_MALFORMED, path=path))
    return key


def public_bytes(key: SigningKey) -> bytes:
    """The raw bytes that readers pin: 32 of Ed25519, 65 of SM2."""
    return key.public_bytes() if isinstance(key, Sm2PrivateKey) else key.public_key().public_bytes_raw()


def suite_of(public_key: bytes) -> str:
    """The suite of a pinned key."""
    return SM2_SM3 if len(public_key) == sm2.PUBLIC_KEY_BYTES else ED25519


def key_id(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of the hash of the raw public key."""
    name = SM3_NAME if suite_of(public_key) == SM2_SM3 else SHA256_NAME
    return digest(name, public_key).hex()[:16]


def sign(payload: bytes, purpose: str, version: int, key: SigningKey) -> SignedDocument:
    """Vouch for `payload` as version `version` (from 1) of `purpose`."""
    public = public_bytes(key)
    suite = suite_of(public)
    signature = key.sign(documents.signed_bytes(payload, purpose, version, suite))
    return SignedDocument(payload, purpose, version, key_id(public), signature, suite)


def verify(document: SignedDocument, purpose: str, public_key: bytes, seen: Seen | None) -> bytes:
    """Return the payload after every check has passed.

    Args:
        document: as it arrived.
        purpose: what the reader asked for.
        public_key: the pinned key, raw; its suite is the only one that counts.
        seen: what the reader holds already, None before the first document.

    Raises:
        Refused: SECURITY_DOCUMENT_WRONG_SUITE, _WRONG_KEY, _BAD_SIGNATURE, _WRONG_PURPOSE, _ROLLED_BACK, _FORKED; SECURITY_SUITE_MISSING.
    """
    suite = suite_of(public_key)
    if document.suite != suite:
        raise Refused(refuse(documents.WRONG_SUITE, purpose=purpose, suite=document.suite[:16], expected=suite))
    if document.key_id != key_id(public_key):
        raise Refused(refuse(documents.WRONG_KEY, purpose=purpose, key=document.key_id[:16], expected=key_id(public_key)))
    _check_signature(document, public_key, purpose)
    refusal = documents.check_succession(document, purpose, seen)
    if refusal:
        raise Refused(refusal)
    return document.payload


def _check_signature(document: SignedDocument, public_key: bytes, purpose: str) -> None:
    try:
        covered = documents.signed_bytes(document.payload, document.purpose, document.version, document.suite)
        if document.suite == SM2_SM3:
            sm2.verify(public_key, document.signature, covered)
        else:
            Ed25519PublicKey.from_public_bytes(public_key).verify(document.signature, covered)
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise Refused(refuse(documents.BAD_SIGNATURE, purpose=purpose)) from error


def _is_sm2(pem: bytes) -> bool:
    """Whether a PKCS #8 key names the curve of SM2, which `cryptography` does not know."""
    lines = [line for line in pem.splitlines() if line and not line.startswith(b"-----")]
    try:
        return sm2.CURVE_OID in base64.b64decode(b"".join(lines), validate=True)
    except ValueError:
        return False
