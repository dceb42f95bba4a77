"""Cases follow their unit to the node that serves it now.

The node that served it hands each open case on to the same unit at the other node, which takes it at once: two ordinary steps of the
case, each durable with what is told of it. Until the second one there is the old owner, from then on the new one, counted by the
owner epoch; so whatever stops in between, the case has one owner and the next look goes on from there. The deadline does not restart,
and if the unit was asked first, that duty moves to its new node too. What was offered to the unit by others goes back to them, since
its people can no longer answer there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .messages import AcceptCase, LaterCommand, RefuseCase, Signature, TransferCase
from .model import Case, State

SIGNED_BY: Final = "unit-moved"
_OPEN: Final = frozenset({State.OPEN, State.ACCEPTED})


def follow(case: Case, member: str, member_of: Mapping[str, str], reason: str) -> LaterCommand | None:
    """What this member has to do about a case because its unit moved; None: nothing.

    Args:
        case: as this member knows it.
        member: this member.
        member_of: who serves the units concerned now, as far as the directory knows.
        reason: why an offer of others is given back, in words.
    """

    def signed(unit: str) -> Signature:
        return Signature(case.case_id, f"moved-{member}-{case.version + 1}", case.owner_epoch, unit, SIGNED_BY)

    def moved(unit: str) -> bool:
        return member_of.get(unit, member) != member

    owner, to = case.owner, case.pending.to if case.pending else None
    if to is not None and to.member == member:
        if to.unit == owner.unit and member_of.get(to.unit) == member:
            return AcceptCase(signed(to.unit))
        return RefuseCase(signed(to.unit), reason) if moved(to.unit) else None
    if case.state in _OPEN and owner.member == member and moved(owner.unit):
        return TransferCase(signed(owner.unit), owner.unit)
    return None
