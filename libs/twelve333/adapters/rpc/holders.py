"""Whose certificates count no more among operators, desktops and business systems, as a listener asks at every call.

Kept in memory and replaced whole after each change.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.decision import Refusal, refuse
from ...core.identity import Caller, Role
from ...core.registration.holders import HOLDERS, Holder, admits
from ...wire import codes
from .access import Admission, Shown


class Holders:
    """One for a process."""

    def __init__(self) -> None:
        self._holders: dict[tuple[Role, str], Holder] = {}

    def use(self, holders: Iterable[Holder]) -> None:
        """Go by these from now on."""
        self._holders = {(each.role, each.name): each for each in holders}

    def admit(self, caller: Caller, shown: Shown) -> Refusal | None:
        """An `Admission`: refuses whoever was ended, and a key from before."""
        if caller.role not in HOLDERS or admits(self._holders.get((caller.role, caller.name)), shown.key_fingerprint):
            return None
        return refuse(codes.HOLDER_REVOKED, name=caller.name)


def both(first: Admission, second: Admission) -> Admission:
    """An `Admission` that says no if either does."""
    return lambda caller, shown: first(caller, shown) or second(caller, shown)
