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
from .model import HASH_BYTES, Release, Scope

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
        **_since_counted(release),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _since_counted(release: Release) -> dict[str, object]:
    """What came later into the document; each left out where it says nothing, so that what was signed once reads the same for ever."""
    said = {
        "sequence": release.sequence,
        "last_urgent": release.last_urgent,
        "last_normal": release.last_normal,
        "expires_at": release.expires_at.astimezone(UTC).isoformat(timespec="seconds") if release.expires_at else "",
        "topics": list(release.scope.topics),
        "regions": list(release.scope.regions),
    }
    return {name: value for name, value in said.items() if value}


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
            sequence=int(read.get("sequence", 0)),
            last_urgent=int(read.get("last_urgent", 0)),
            last_normal=int(read.get("last_normal", 0)),
            expires_at=datetime.fromisoformat(read["expires_at"]) if "expires_at" in read else None,
            scope=Scope(_texts(read.get("topics", [])), _texts(read.get("regions", []))),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):  # the last two: 1e999, and brackets a thousand deep
        return refuse(codes.RELEASE_UNREADABLE)
    aware = release.made_at.tzinfo is not None and (release.expires_at is None or release.expires_at.tzinfo is not None)
    whole = len(release.root) == len(release.previous_root) == HASH_BYTES and aware
    return release if whole else refuse(codes.RELEASE_UNREADABLE)


def _texts(values: list[object]) -> tuple[str, ...]:
    """A list of texts, and nothing else."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(values)
    return tuple(str(value) for value in values)
