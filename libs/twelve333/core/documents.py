"""When a signed document may replace the one we hold: same purpose, never an older version, never a second text for one version.

The directory, the library's checkpoint and every other document that the hub signs follow these rules, so that a stolen
cable, a stale mirror or a USB stick can carry them: trust comes from the signature and the version, not from the road.
Source: TUF specification 5.3-5.6 (rollback and mix-and-match attacks).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from .decision import Code, Kind, Refusal, refuse

ED25519: Final = "ed25519"
SM2_SM3: Final = "sm2-sm3"
_DOMAINS: Final = {ED25519: b"twelve333 signed document v1\x00", SM2_SM3: b"twelve333 signed document v1 sm2-sm3\x00"}

WRONG_PURPOSE: Final = Code("SECURITY_DOCUMENT_WRONG_PURPOSE", Kind.PEER_VIOLATION)
WRONG_KEY: Final = Code("SECURITY_DOCUMENT_WRONG_KEY", Kind.PEER_VIOLATION)
WRONG_SUITE: Final = Code("SECURITY_DOCUMENT_WRONG_SUITE", Kind.PEER_VIOLATION)
BAD_SIGNATURE: Final = Code("SECURITY_DOCUMENT_BAD_SIGNATURE", Kind.PEER_VIOLATION)
ROLLED_BACK: Final = Code("SECURITY_DOCUMENT_ROLLED_BACK", Kind.PEER_VIOLATION)
FORKED: Final = Code("SECURITY_DOCUMENT_FORKED", Kind.PEER_VIOLATION)


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """Bytes that somebody vouches for.

    Args:
        payload: the serialised document, exactly as signed.
        purpose: what it is, e.g. `directory`; a signature for one purpose is void for another.
        version: counts up from 1 within the purpose.
        key_id: which key signed: the first 16 hex digits of the hash (of its suite) of the raw public key.
        signature: of the suite, over `signed_bytes`.
        suite: `ed25519`, or `sm2-sm3`: SM2 with SM3.
    """

    payload: bytes
    purpose: str
    version: int
    key_id: str
    signature: bytes
    suite: str = ED25519


@dataclass(frozen=True, slots=True)
class Seen:
    """What we hold already: the version and the SHA-256 of its payload."""

    version: int
    digest: bytes


def digest_of(payload: bytes) -> bytes:
    """The SHA-256 by which we remember a payload."""
    return hashlib.sha256(payload).digest()


def signed_bytes(payload: bytes, purpose: str, version: int, suite: str = ED25519) -> bytes:
    """What the signature covers: domain (which names the suite), purpose, version and payload, each of unambiguous length."""
    name = purpose.encode()
    return _DOMAINS[suite] + len(name).to_bytes(2, "big") + name + version.to_bytes(8, "big") + payload


def check_succession(document: SignedDocument, purpose: str, seen: Seen | None) -> Refusal | None:
    """Refuse a document of another purpose, an older version, or a second text under the version we hold.

    Args:
        document: whose signature has been checked.
        purpose: what the reader expects.
        seen: what the reader holds, None before the first document.
    """
    if document.purpose != purpose:
        return refuse(WRONG_PURPOSE, expected=purpose, purpose=document.purpose[:32])
    if document.version < (seen.version if seen else 1):
        return refuse(ROLLED_BACK, purpose=purpose, version=document.version, held=seen.version if seen else 0)
    if seen and document.version == seen.version and digest_of(document.payload) != seen.digest:
        return refuse(FORKED, purpose=purpose, version=document.version)
    return None
