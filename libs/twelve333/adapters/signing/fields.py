"""The cipher of personal columns: AES-256-GCM or SM4-GCM under a keyring, so that a copied database file tells nothing.

A sealed value is: 0x00, suite, key id (4 bytes), nonce (12, random), ciphertext and tag (16). What it is bound to (its place in the
database) is authenticated and not kept. New values are sealed under the current key; older keys stay in the ring and open what they
sealed. The ring is a file of the machine that uses it; it is read anew when it changes, so a rotation needs no restart.
One key is good for 2^32 values (random nonces): rotate long before, once a year is usual.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, TypedDict, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from twelve333.core.decision import Refused, refuse

from . import codes
from .files import PRIVATE, read_file, write_file
from .sealing import listed_key, private_key
from .suites import CIPHERS, Aead
from .suites import Cipher as Suite

KEYRING_FILE: Final = "fields.keys"
LOOK_AGAIN_SECONDS: Final = 1.0
_MARK: Final = b"\x00"
_CHECKED: Final = b"twelve333 keyring check v1\x00"
_CHECK_DIGITS: Final = 16
_ID_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_HEAD_BYTES: Final = 2 + _ID_BYTES + _NONCE_BYTES


class _Kept(TypedDict):
    """A keyring file."""

    current: str
    keys: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of a keyring file: a ready head (mark, suite, id) and cipher for each id, the id that is used now, and the keys to which
    others seal what they tell us, the present one first."""

    current: bytes
    suite: Suite
    keys: Mapping[bytes, tuple[bytes, Aead]]
    sealing: tuple[X25519PrivateKey, ...]


class FieldCipher:
    """Seals and opens values under the keyring at `path`; see `Fields`. Used by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp, self._ring = _stamp(path), load_ring(path)
        self._looked_at = time.monotonic()

    @property
    def suite(self) -> Suite:
        """The suite of the current key."""
        return self._ring.suite

    def seal(self, data: bytes, place: str) -> bytes:
        """Seal `data` for `place` under the current key."""
        if time.monotonic() - self._looked_at > LOOK_AGAIN_SECONDS:
            self._look()
        ring = self._ring
        head, cipher = ring.keys[ring.current]
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + cipher.encrypt(nonce, data, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Open what was sealed for `place` under any key of the ring.

        Raises:
            Refused: SECURITY_FIELD_KEY_UNKNOWN, SECURITY_FIELD_TAMPERED (changed, cut, or moved from another place).
        """
        key_id = sealed[2 : 2 + _ID_BYTES]
        if len(sealed) < _HEAD_BYTES:
            raise Refused(refuse(codes.FIELD_TAMPERED, table=place.partition(".")[0]))
        if key_id not in self._ring.keys:
            self._look()
        known = self._ring.keys.get(key_id)
        if known is None:
            raise Refused(refuse(codes.FIELD_KEY_UNKNOWN, key=key_id.hex(), path=self._path))
        try:
            return known[1].decrypt(sealed[2 + _ID_BYTES : _HEAD_BYTES], sealed[_HEAD_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise Refused(refuse(codes.FIELD_TAMPERED, table=place.partition(".")[0])) from error

    def sealing_keys(self) -> tuple[X25519PrivateKey, ...]:
        """The keys to which others seal what they tell us, the present one first; the file is looked at again."""
        self._look()
        return self._ring.sealing

    def public_key(self) -> bytes:
        """The key to which others seal what they tell us, in the suite of the current key of the ring."""
        key = self.sealing_keys()[0]
        return listed_key(key, CIPHERS[self._ring.suite])

    def is_current(self, sealed: bytes) -> bool:
        """Whether this was sealed under the current key."""
        return sealed[2 : 2 + _ID_BYTES] == self._ring.current

    def _look(self) -> None:
        """Read the keyring anew if it has changed; one that cannot be read leaves the keys in use that worked."""
        self._looked_at = time.monotonic()
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        try:
            self._ring, self._stamp = load_ring(self._path), stamp
        except Refused:
            return


def open_cipher(path: Path, suite: Suite) -> FieldCipher:
    """The cipher of a service that starts.

    Raises:
        Refused: SECURITY_FILE_* (no keyring: `migrate` makes one), SECURITY_FIELD_SUITE when the current key is of another suite.
    """
    cipher = FieldCipher(path)
    if cipher.suite != suite:
        raise Refused(refuse(codes.FIELD_SUITE, wanted=suite, found=cipher.suite))
    return cipher


def ensure_ring(path: Path, suite: Suite, now: datetime) -> None:
    """Make the keyring if there is none; add a key if the current one is of another suite than wanted."""
    if not path.exists() or load_ring(path).suite != suite:
        add_key(path, suite, now)


def add_key(path: Path, suite: Suite, now: datetime) -> str:
    """Add a new key and make it the current one; those before stay, so that what they sealed can be opened. Returns its id."""
    kept = _read(path) if path.exists() else _Kept(current="", keys={})
    key_id = secrets.token_bytes(_ID_BYTES).hex()
    while key_id in kept["keys"]:
        key_id = secrets.token_bytes(_ID_BYTES).hex()
    key = base64.b64encode(os.urandom(CIPHERS[suite].key_bytes)).decode("ascii")
    made = {"suite": suite, "key": key, "check": _check(base64.b64decode(key)), "made_at": now.isoformat(timespec="seconds")}
    _write(path, {"current": key_id, "keys": {**kept["keys"], key_id: made}})
    return key_id


def drop_old_keys(path: Path) -> int:
    """Forget every key but the current one, once nothing is sealed under them any more; how many those were."""
    kept = _read(path)
    _write(path, {"current": kept["current"], "keys": {kept["current"]: kept["keys"][kept["current"]]}})
    return len(kept["keys"]) - 1


def load_ring(path: Path) -> Ring:
    """Read a keyring.

    Raises:
        Refused: SECURITY_FILE_MISSING, SECURITY_FILE_UNREADABLE, SECURITY_FILE_MALFORMED.
    """
    kept = _read(path)
    try:
        keys = {bytes.fromhex(key_id): _key(bytes.fromhex(key_id), entry) for key_id, entry in kept["keys"].items()}
        current = kept["current"]
        ids = [current, *(key_id for key_id in kept["keys"] if key_id != current)]
        sealing = tuple(_sealing_key(bytes.fromhex(key_id), kept["keys"][key_id]) for key_id in ids)
        ring = Ring(bytes.fromhex(current), cast("Suite", kept["keys"][current]["suite"]), keys, sealing)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error
    return ring


def _key(key_id: bytes, entry: Mapping[str, str]) -> tuple[bytes, Aead]:
    suite, key = CIPHERS[cast("Suite", entry["suite"])], _secret(entry)
    if len(key) != suite.key_bytes or len(key_id) != _ID_BYTES:
        raise ValueError("a key of the wrong size")
    return _MARK + bytes([suite.mark]) + key_id, suite.cipher(key)


def _sealing_key(key_id: bytes, entry: Mapping[str, str]) -> X25519PrivateKey:
    return private_key(_secret(entry), key_id, CIPHERS[cast("Suite", entry["suite"])].hash)


def _secret(entry: Mapping[str, str]) -> bytes:
    """The key, unless it is not the one that was written: a flipped bit would seal everything from then on under a key that nobody has."""
    secret = base64.b64decode(entry["key"], validate=True)
    if entry.get("check", _check(secret)) != _check(secret):  # rings from before there was a check have none
        raise ValueError("a key that has changed")
    return secret


def _check(secret: bytes) -> str:
    return hashlib.sha256(_CHECKED + secret).hexdigest()[:_CHECK_DIGITS]


def _read(path: Path) -> _Kept:
    try:
        kept = json.loads(read_file(path))
        return _Kept(current=str(kept["current"]), keys=dict(kept["keys"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(refuse(codes.FILE_MALFORMED, path=path)) from error


def _write(path: Path, kept: _Kept) -> None:
    write_file(path, json.dumps(kept, indent=1).encode() + b"\n", PRIVATE)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
