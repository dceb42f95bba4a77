"""The canonical bytes of a release: the only thing of the library that is signed.

JSON with sorted keys and no spaces, so that another implementation can read it in twenty years; keys it does not know are ignored.
The `type` keeps a signature made for another document from passing for a release.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Final

from ..decision import Refusal, refuse
from . import codes
from .model import HASH_BYTES, Release

RELEASE_TYPE: Final = "twelve333/library-release/v1"
CHECKPOINT_BYTES_MAX: Final = 2048


def canonical_bytes(release: Release) -> bytes:
    """The bytes to sign (at most `CHECKPOINT_BYTES_MAX`)."""
    document = {
        "type": RELEASE_TYPE,
        "epoch": release.epoch,
        "number": release.number,
        "entry_count": release.entry_count,
        "root": release.root.hex(),
        "previous_root": release.previous_root.hex(),
        "made_at": release.made_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def parse_release(document: bytes) -> Release | Refusal:
    """Read a release from its canonical bytes; refuses what is too large, of another type, or malformed."""
    if len(document) > CHECKPOINT_BYTES_MAX:
        return refuse(codes.RELEASE_UNREADABLE)
    try:
        read = json.loads(document)
        if read["type"] != RELEASE_TYPE:
            return refuse(codes.RELEASE_UNREADABLE)
        release = Release(
            epoch=int(read["epoch"]),
            number=int(read["number"]),
            entry_count=int(read["entry_count"]),
            root=bytes.fromhex(read["root"]),
            previous_root=bytes.fromhex(read["previous_root"]),
            made_at=datetime.fromisoformat(read["made_at"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # the last two: 1e999, and brackets a thousand deep
        return refuse(codes.RELEASE_UNREADABLE)
    whole = len(release.root) == len(release.previous_root) == HASH_BYTES and release.made_at.tzinfo is not None
    return release if whole else refuse(codes.RELEASE_UNREADABLE)
