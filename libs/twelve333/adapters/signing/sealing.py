"""Seals what an event says to the one member it is for, so that the broker and its store hold nothing readable.

Suites (`suites.py`): X25519 with a key made for a short while, then HKDF-SHA256 and AES-256-GCM, or HKDF-SM3 and SM4-GCM. Which one is the
receiver's to say, with its public key: 32 bytes for the first, one more in front, the number of the suite, for any other. A sealed payload
is: id of the receiver's key (4 bytes), the sender's short-lived public key (32), nonce (12), ciphertext and tag (16); what names the event
is authenticated with it, so a payload cannot be put into another envelope. One short-lived key serves many events to the same member:
agreeing costs far more than sealing.

The receiver's keys follow from its keyring (`fields.py`), one a key of the ring: what was sealed before a rotation still opens after it.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from twelve333.core.decision import Refused, refuse

from . import codes
from .suites import BY_MARK, CIPHERS, Aead, Sealed

PUBLIC_KEY_BYTES: Final = 32
ONE_KEY_EVENTS: Final = 1024
ONE_KEY_SECONDS: Final = 60.0
_SEEN_KEYS_MAX: Final = 512
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_FIRST: Final = CIPHERS["aes256gcm"]


@dataclass(slots=True)
class _Session:
    """An agreement with one receiver, good for a short while."""

    receiver: bytes
    head: bytes
    cipher: Aead
    left: int
    until: float


class Sealer:
    """Seals to public keys; used on one thread."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def seal(self, member: str, public_key: bytes, payload: bytes, names: bytes) -> bytes:
        """Seal `payload` to `member`.

        Args:
            member: whom it is for.
            public_key: the member's present key as the signed directory lists it.
            payload: what the event says.
            names: what names the event; must be the same when it is opened.

        Raises:
            Refused: SECURITY_SEAL_KEY_MALFORMED.
        """
        session = self._sessions.get(member)
        if session is None or session.receiver != public_key or session.left == 0 or time.monotonic() > session.until:
            session = self._sessions[member] = _begin(public_key)
        session.left -= 1
        nonce = os.urandom(_NONCE_BYTES)
        return session.head + nonce + session.cipher.encrypt(nonce, payload, names)


class Opener:
    """Opens what was sealed to us; used on one thread.

    Args:
        keys: our private keys, asked again when an unknown one is named.
    """

    def __init__(self, keys: Callable[[], tuple[X25519PrivateKey, ...]]) -> None:
        self._keys = keys
        self._seen: OrderedDict[tuple[int, bytes], Aead] = OrderedDict()

    def open(self, sealed: bytes, names: bytes, mark: int = _FIRST.mark) -> bytes:
        """Open a sealed payload; `mark` is the number of the suite that its envelope names.

        Raises:
            Refused: SECURITY_SEAL_NOT_OPENED: sealed to a key that is not ours, changed, or put into another envelope.
        """
        end = _ID_BYTES + PUBLIC_KEY_BYTES
        head, nonce, rest = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        try:
            return self._cipher(mark, head).decrypt(nonce, rest, names)
        except (InvalidTag, ValueError, LookupError) as error:
            raise Refused(refuse(codes.SEAL_NOT_OPENED, key=head[:_ID_BYTES].hex())) from error

    def _cipher(self, mark: int, head: bytes) -> Aead:
        known = self._seen.get((mark, head))
        if known is not None:
            self._seen.move_to_end((mark, head))
            return known
        suite = BY_MARK[mark]
        own = {_id_of(public_bytes(key), suite): key for key in self._keys()}[head[:_ID_BYTES]]
        sender = head[_ID_BYTES:]
        cipher = _derive(suite, own.exchange(X25519PublicKey.from_public_bytes(sender)), sender, public_bytes(own))
        self._seen[mark, head] = cipher
        if len(self._seen) > _SEEN_KEYS_MAX:
            self._seen.popitem(last=False)
        return cipher


def private_key(secret: bytes, key_id: bytes, hash_of: type[HashAlgorithm] = SHA256) -> X25519PrivateKey:
    """The private key that follows from a key of the keyring."""
    seed = HKDF(hash_of(), 32, salt=key_id, info=b"twelve333 member x25519").derive(secret)
    return X25519PrivateKey.from_private_bytes(seed)


def public_bytes(key: X25519PrivateKey) -> bytes:
    """The 32 raw bytes that others seal to."""
    return key.public_key().public_bytes_raw()


def listed_key(key: X25519PrivateKey, suite: Sealed) -> bytes:
    """The public key as the directory lists it: with the number of its suite before it, unless that is the first."""
    return (b"" if suite is _FIRST else bytes([suite.mark])) + public_bytes(key)


def mark_of(listed: bytes) -> int:
    """The number of the suite that a listed key is for."""
    return _FIRST.mark if len(listed) == PUBLIC_KEY_BYTES else listed[0]


def check_public_key(key: bytes) -> None:
    """Refuse what nothing can be sealed to.

    Raises:
        Refused: SECURITY_SEAL_KEY_MALFORMED.
    """
    _begin(key)


def _begin(listed: bytes) -> _Session:
    own, receiver = X25519PrivateKey.generate(), listed[-PUBLIC_KEY_BYTES:]
    try:
        suite = _suite_of(listed)
        shared = own.exchange(X25519PublicKey.from_public_bytes(receiver))
    except (ValueError, LookupError) as error:  # too short, of no suite we know, or a point that agrees on nothing
        raise Refused(refuse(codes.SEAL_KEY_MALFORMED)) from error
    sender = public_bytes(own)
    cipher = _derive(suite, shared, sender, receiver)
    return _Session(listed, _id_of(receiver, suite) + sender, cipher, ONE_KEY_EVENTS, time.monotonic() + ONE_KEY_SECONDS)


def _suite_of(listed: bytes) -> Sealed:
    if len(listed) not in (PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES + 1):
        raise ValueError("a key of the wrong size")
    return BY_MARK[mark_of(listed)]


def _derive(suite: Sealed, shared: bytes, sender: bytes, receiver: bytes) -> Aead:
    return suite.cipher(HKDF(suite.hash(), suite.key_bytes, salt=sender + receiver, info=suite.info).derive(shared))


def _id_of(public_key: bytes, suite: Sealed) -> bytes:
    hashed = Hash(suite.hash())
    hashed.update(public_key)
    return hashed.finalize()[:_ID_BYTES]
