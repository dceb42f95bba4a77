"""What a hub that was put back to a backup takes from a directory that it had signed later.

Rules: what nobody has changed here since the restore becomes what it was in the later directory; what was changed here since stays,
because it is newer; only a directory newer than all that were handed back before counts so. A revoked key stays revoked, whichever
directory says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from .model import Certificate

K = TypeVar("K")
V = TypeVar("V")

RECOVERED: Final = "recovered"
_KEY_CHARS: Final = 24  # of a fingerprint, in the serial of what stands for certificates that are forgotten


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as a directory lists it: whose, until when a certificate for it may count, and since when it is revoked, if it is."""

    member: str
    key_fingerprint: str
    not_after: datetime
    revoked_at: datetime | None = None


def lost(before: Mapping[K, V], ours: Mapping[K, V], later: Mapping[K, V]) -> dict[K, V]:
    """What `later` has and we lost.

    Args:
        before: as it was in the newest directory taken so far, at first that of the backup.
        ours: as it is here now.
        later: as it was in the directory that came back.
    """
    return {key: value for key, value in later.items() if value != before.get(key) and ours.get(key) == before.get(key)}


def certificates_after(held: Mapping[str, Certificate], key: ListedKey, now: datetime) -> dict[str, Certificate]:
    """The certificates of a member that change when the hub learns of a key: one stands for all that it has forgotten.

    Args:
        held: all certificates of the member, by serial.
        key: as the directory lists it.
        now: aware UTC time.
    """
    serial = f"{RECOVERED}-{key.key_fingerprint[:_KEY_CHARS]}"
    known = held.get(serial)
    standing = known or Certificate(serial, key.member, key.key_fingerprint, now, key.not_after)
    after = {**held, serial: replace(standing, not_after=max(standing.not_after, key.not_after))}
    if key.revoked_at is not None:
        for each in list(after.values()):
            if each.key_fingerprint == key.key_fingerprint and each.revoked_at is None:
                after[each.serial] = replace(each, revoked_at=key.revoked_at, reason=RECOVERED)
    return {number: each for number, each in after.items() if held.get(number) != each}
