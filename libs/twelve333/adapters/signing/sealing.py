"""Seals what an event says to the one member it is for, so that the broker and its store hold nothing readable.

Suite: X25519 with a key made for a short while, HKDF-SHA256, AES-256-GCM. A sealed payload is: id of the receiver's key (4 bytes), the
sender's short-lived public key (32), nonce (12), ciphertext and tag (16); what names the event is authenticated with it, so a payload
cannot be put into another envelope. One short-lived key serves many events to the same member: agreeing costs far more than sealing.

The receiver's keys follow from its keyring (`fields.py`), one a key of the ring: what was sealed before a rotation still opens after it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from twelve333.core.decision import Refused, refuse

from . import codes

PUBLIC_KEY_BYTES: Final = 32
ONE_KEY_EVENTS: Final = 1024
ONE_KEY_SECONDS: Final = 60.0
_SEEN_KEYS_MAX: Final = 512
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_INFO: Final = b"twelve333 event x25519 hkdf-sha256 aes-256-gcm"


@dataclass(slots=True)
class _Session:
    """An agreement with one receiver, good for a short while."""

    receiver: bytes
    head: bytes
    cipher: AESGCM
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
            public_key: the member's present key, 32 raw bytes, from the signed directory.
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
        self._seen: OrderedDict[bytes, AESGCM] = OrderedDict()

    def open(self, sealed: bytes, names: bytes) -> bytes:
        """Open a sealed payload.

        Raises:
            Refused: SECURITY_SEAL_NOT_OPENED: sealed to a key that is not ours, changed, or put into another envelope.
        """
        end = _ID_BYTES + PUBLIC_KEY_BYTES
        head, nonce, rest = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        try:
            return self._cipher(head).decrypt(nonce, rest, names)
        except (InvalidTag, ValueError, LookupError) as error:
            raise Refused(refuse(codes.SEAL_NOT_OPENED, key=head[:_ID_BYTES].hex())) from error

    def _cipher(self, head: bytes) -> AESGCM:
        known = self._seen.get(head)
        if known is not None:
            self._seen.move_to_end(head)
            return known
        own = {_id_of(public_bytes(key)): key for key in self._keys()}[head[:_ID_BYTES]]
        sender = head[_ID_BYTES:]
        cipher = _derive(own.exchange(X25519PublicKey.from_public_bytes(sender)), sender, public_bytes(own))
        self._seen[head] = cipher
        if len(self._seen) > _SEEN_KEYS_MAX:
            self._seen.popitem(last=False)
        return cipher


def private_key(secret: bytes, key_id: bytes) -> X25519PrivateKey:
    """The private key that follows from a key of the keyring."""
    seed = HKDF(SHA256(), 32, salt=key_id, info=b"twelve333 member x25519").derive(secret)
    return X25519PrivateKey.from_private_bytes(seed)


def public_bytes(key: X25519PrivateKey) -> bytes:
    """The 32 raw bytes that others seal to."""
    return key.public_key().public_bytes_raw()


def check_public_key(key: bytes) -> None:
    """Refuse what nothing can be sealed to.

    Raises:
        Refused: SECURITY_SEAL_KEY_MALFORMED.
    """
    _begin(key)


def _begin(receiver: bytes) -> _Session:
    own = X25519PrivateKey.generate()
    try:
        shared = own.exchange(X25519PublicKey.from_public_bytes(receiver))
    except ValueError as error:  # not 32 bytes, or a point that agrees on nothing
        raise Refused(refuse(codes.SEAL_KEY_MALFORMED)) from error
    sender = public_bytes(own)
    cipher = _derive(shared, sender, receiver)
    return _Session(receiver, _id_of(receiver) + sender, cipher, ONE_KEY_EVENTS, time.monotonic() + ONE_KEY_SECONDS)


def _derive(shared: bytes, sender: bytes, receiver: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=sender + receiver, info=_INFO).derive(shared))


def _id_of(public_key: bytes) -> bytes:
    return hashlib.sha256(public_key).digest()[:_ID_BYTES]
