"""Test calls: they take the way that calls take, hold no seat, are kept nowhere and counted nowhere.

Rule: a unit is reached if its node gives the address that it declared, whatever the hour and the state of the unit: that is what is to be
proved before anybody may call it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..coverage.snapshot import Snapshot
from ..decision import Decision, Refusal, refuse
from ..registration.model import Unit, UnitStatus
from . import codes
from .offers import Offer, serves

PARTNERS_MAX: Final = 3


def partners(snapshot: Snapshot, unit: Unit, left_out: Callable[[str], bool]) -> list[Unit]:
    """Units of other members with which a test call may be made, in the order in which they are tried.

    The order begins after the unit's own code, so that not everybody calls the same province.

    Args:
        snapshot: the directory.
        unit: the one to be proved.
        left_out: members that are revoked.
    """
    found: dict[str, Unit] = {}
    for other in sorted(snapshot.units.values(), key=lambda each: (each.code <= unit.code, each.code)):
        speaks = other.status is UnitStatus.OPEN and other.code in snapshot.declarations
        if speaks and other.member != unit.member and other.member in snapshot.members and not left_out(other.member):
            found.setdefault(other.member, other)
    return list(found.values())[:PARTNERS_MAX]


def answer(offer: Offer, snapshot: Snapshot, member: str) -> Decision[str] | Refusal:
    """The address that a test call is given.

    Args:
        offer: what is asked.
        snapshot: the directory.
        member: this node.
    """
    unit, declared = snapshot.units.get(offer.unit), snapshot.declarations.get(offer.unit)
    if unit is None or not serves(unit, member):
        return refuse(codes.UNIT_NOT_SERVED_HERE, unit=offer.unit, member=member)
    if offer.unit == offer.from_unit:
        return refuse(codes.LOOP, unit=offer.unit)
    if declared is None:
        return refuse(codes.UNIT_CANNOT_ANSWER, unit=offer.unit, verdict="not_declared")
    return Decision(declared.target)
