"""The keys that count no more, as a listener asks at every call and a relay at every event.

Kept in memory and replaced whole: by the hub after each change, by a node with each directory, so that a node whose hub is gone
still refuses whom the last directory named.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.decision import Refusal, refuse
from ...core.identity import Caller
from ...wire import codes
from .access import Shown


class Revocations:
    """One for a process."""

    def __init__(self) -> None:
        self._keys: frozenset[str] = frozenset()
        self._members: frozenset[str] = frozenset()

    def use(self, keys: Iterable[str], members: Iterable[str]) -> None:
        """Go by these from now on.

        Args:
            keys: fingerprints that are refused.
            members: those whose present key is among them, hence all that comes in their name.
        """
        self._keys, self._members = frozenset(keys), frozenset(members)

    def covers(self, member: str) -> bool:
        """Whether nothing may be taken from this member or told to it."""
        return member in self._members

    def revoked(self, key: str) -> bool:
        """Whether this key, by its fingerprint, counts no more."""
        return key in self._keys

    def admit(self, caller: Caller, shown: Shown) -> Refusal | None:
        """An `Admission`: refuses a revoked key, whatever its certificate says."""
        return refuse(codes.CALLER_REVOKED, member=caller.member) if shown.key_fingerprint in self._keys else None
