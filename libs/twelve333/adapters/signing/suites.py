"""The suites of cryptography that a member may be told to use, each a row: one for everybody, one for those who must use national ciphers.

A suite is chosen where something is made; what was made names its parts (a key its kind, a sealed value its cipher, a record its hash), so
it is read by what it names, and members with different suites work together. X.509 and TLS are no part of it: gRPC knows no SM2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, SM3, HashAlgorithm

from twelve333.core.digests import Digest
from twelve333.core.documents import ED25519, SM2_SM3

from .sm4 import Sm4Gcm

SuiteName = Literal["international", "sm"]
Cipher = Literal["aes256gcm", "sm4gcm"]
Aead = AESGCM | Sm4Gcm


@dataclass(frozen=True, slots=True)
class Sealed:
    """How values are sealed under a key, and events to a key: the cipher, the hash that keys are derived with, and how both are named.

    Args:
        cipher: seals.
        key_bytes: length of its key.
        hash: of HKDF, and of key ids.
        mark: names the suite in a sealed value and in `delivery.v1.Sealing`.
        info: what HKDF binds the key of an event to.
    """

    cipher: type[AESGCM] | type[Sm4Gcm]
    key_bytes: int
    hash: type[HashAlgorithm]
    mark: int
    info: bytes


@dataclass(frozen=True, slots=True)
class Suite:
    """What a member uses: hash of its audit log, signature of documents (the hub's), cipher of values and events.

    The agreement on keys of events is X25519 in both: the native library for SM2 has signatures only.
    """

    digest: Digest
    documents: str
    cipher: Cipher


CIPHERS: Final[Mapping[str, Sealed]] = {
    "aes256gcm": Sealed(AESGCM, 32, SHA256, 1, b"twelve333 event x25519 hkdf-sha256 aes-256-gcm"),
    "sm4gcm": Sealed(Sm4Gcm, 16, SM3, 2, b"twelve333 event x25519 hkdf-sm3 sm4-gcm"),
}
BY_MARK: Final[Mapping[int, Sealed]] = {each.mark: each for each in CIPHERS.values()}
SUITES: Final[Mapping[SuiteName, Suite]] = {
    "international": Suite("sha256", ED25519, "aes256gcm"),
    "sm": Suite("sm3", SM2_SM3, "sm4gcm"),
}
