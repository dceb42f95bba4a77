"""Ed25519 over documents: the hub signs, every reader checks key, signature, purpose and version before believing a byte.

Source: RFC 8032; the order of checks follows the TUF specification 5.3 (signature before content, version before use).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from twelve333.core import documents
from twelve333.core.decision import Refused, refuse
from twelve333.core.documents import Seen, SignedDocument

from . import codes
from .files import PRIVATE, read_file, refuse_existing, write_file


def create_signing_key(path: Path) -> Ed25519PrivateKey:
    """Make a document-signing key and keep it at `path` (0600).

    Raises:
        Refused: SECURITY_FILE_EXISTS, SECURITY_FILE_UNREADABLE.
    """
    refuse_existing(path)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_file(path, pem, PRIVATE)
    return key


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Read the key that `create_signing_key` kept.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    try:
        key = serialization.load_pem_private_key(read_file(path), password=None)
    except (ValueError, TypeError) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(refuse(codes.FILE_MALFORMED, path=path))
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 raw bytes that readers pin."""
    return key.public_key().public_bytes_raw()


def key_id(public_key: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def sign(payload: bytes, purpose: str, version: int, key: Ed25519PrivateKey) -> SignedDocument:
    """Vouch for `payload` as version `version` (from 1) of `purpose`."""
    signature = key.sign(documents.signed_bytes(payload, purpose, version))
    return SignedDocument(payload, purpose, version, key_id(public_bytes(key)), signature)


def verify(document: SignedDocument, purpose: str, public_key: bytes, seen: Seen | None) -> bytes:
    """Return the payload after every check has passed.

    Args:
        document: as it arrived.
        purpose: what the reader asked for.
        public_key: the pinned key, 32 raw bytes.
        seen: what the reader holds already, None before the first document.

    Raises:
        Refused: SECURITY_DOCUMENT_WRONG_KEY, _BAD_SIGNATURE, _WRONG_PURPOSE, _ROLLED_BACK, _FORKED.
    """
    if document.key_id != key_id(public_key):
        raise Refused(refuse(documents.WRONG_KEY, purpose=purpose, key=document.key_id[:16], expected=key_id(public_key)))
    _check_signature(document, public_key, purpose)
    refusal = documents.check_succession(document, purpose, seen)
    if refusal:
        raise Refused(refusal)
    return document.payload


def _check_signature(document: SignedDocument, public_key: bytes, purpose: str) -> None:
    try:
        covered = documents.signed_bytes(document.payload, document.purpose, document.version)
        Ed25519PublicKey.from_public_bytes(public_key).verify(document.signature, covered)
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise Refused(refuse(documents.BAD_SIGNATURE, purpose=purpose)) from error
