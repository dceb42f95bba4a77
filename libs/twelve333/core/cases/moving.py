"""Cases follow their unit to the node that serves it now.

The node that served it hands each open case on to the same unit at the other node, which takes it at once: two ordinary steps of the
case, each durable with what is told of it. Until the second one there is the old owner, from then on the new one, counted by the
owner epoch; so whatever stops in between, the case has one owner and the next look goes on from there. The deadline does not restart,
and if the unit was asked first, that duty moves to its new node too. What was offered to the unit by others goes back to them, since
its people can no longer answer there.

Of an answered case the owner has nothing to do any more; who is left is the unit asked first, which tells the caller and closes. If it
moved, its old node offers that duty to the new one, which takes it. It does so only then: while somebody else owns the case, the next
step is that one's, and a second step in its place would be a fork. The offer names the version of the directory that it rests on, so that
a node that is behind waits instead of declining, and nothing is offered again before somebody knows better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .messages import AcceptCase, DeclineDuty, DutyOffered, LaterCommand, OfferDuty, RefuseCase, Signature, TakeDuty, TransferCase
from .model import Case, State

SIGNED_BY: Final = "unit-moved"
_OPEN: Final = frozenset({State.OPEN, State.ACCEPTED})
_ANSWERED: Final = frozenset({State.ANSWERED, State.TOLD})


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Who serves the units concerned, as a member knows it.

    Args:
        member: this member.
        member_of: who serves them now, as far as the directory knows.
        version: of the directory.
    """

    member: str
    member_of: Mapping[str, str]
    version: int

    def moved(self, unit: str) -> bool:
        """Whether another member serves it; what nobody serves any more stays where it is."""
        return self.member_of.get(unit, self.member) != self.member


def follow(case: Case, known: Whereabouts, reason: str) -> LaterCommand | None:
    """What this member has to do about a case because its unit moved; None: nothing.

    Args:
        case: as this member knows it, with its history.
        known: see `Whereabouts`.
        reason: why an offer of others is given back, in words.
    """
    if case.state in _ANSWERED:
        return _follow_duty(case, known)
    owner, to = case.owner, case.pending.to if case.pending else None
    if to is not None and to.member == known.member:
        if to.unit == owner.unit and known.member_of.get(to.unit) == known.member:
            return AcceptCase(_signed(case, known, to.unit))
        return RefuseCase(_signed(case, known, to.unit), reason) if known.moved(to.unit) else None
    if case.state in _OPEN and owner.member == known.member and known.moved(owner.unit):
        return TransferCase(_signed(case, known, owner.unit), owner.unit)
    return None


def _follow_duty(case: Case, known: Whereabouts) -> LaterCommand | None:
    unit = case.first_asked.unit
    signed, moved = _signed(case, known, unit), known.moved(unit)
    version = next((step.directory_version for step in reversed(case.history) if isinstance(step, DutyOffered)), -1)
    if case.pending is None:
        newer = known.version > version
        return OfferDuty(signed, known.version) if moved and newer and case.first_asked.member == known.member else None
    if case.pending.to.member != known.member:
        return None
    if not moved:
        return TakeDuty(signed)
    return DeclineDuty(signed) if known.version >= version else None


def _signed(case: Case, known: Whereabouts, unit: str) -> Signature:
    return Signature(case.case_id, f"moved-{known.member}-{case.version + 1}", case.owner_epoch, unit, SIGNED_BY)
