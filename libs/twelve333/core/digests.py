"""Hashes by the name of their suite: what is checked later names the hash it was made with, so that both kinds can stand in one chain."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from cryptography.hazmat.primitives.hashes import SM3, Hash

Digest = Literal["sha256", "sm3"]
SHA256_NAME: Final = "sha256"
SM3_NAME: Final = "sm3"


def digest(name: str, data: bytes) -> bytes:
    """The hash of `data`, 32 bytes.

    Args:
        name: `sha256` or `sm3` (GB/T 32905).

    Raises:
        KeyError: another name.
    """
    if name == SHA256_NAME:
        return hashlib.sha256(data).digest()
    if name != SM3_NAME:
        raise KeyError(name)
    hashed = Hash(SM3())
    hashed.update(data)
    return hashed.finalize()
