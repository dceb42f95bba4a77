"""Where a call was already, proved: each unit that hands it on signs its own visit, to whom, and with it all that came before.

Rule served: loops end by identity. A receiver takes no list in which a visit was forged, moved, changed or left out, or whose last visit is
not that of who offers; it refuses a call that was at the unit asked for, and one that has been to too many. Who drops the whole list
begins a new call; a unit that handed it on before knows it again by the id of the first handoff.
Source of the shape: PASSporT `div` (RFC 8946), where each hop signs from whom to whom it diverts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from ..decision import Refusal, refuse
from ..registration.model import Unit
from . import codes
from .model import HOPS_MAX
from .offers import Offer, serves

_DOMAIN: Final = "twelve333 visit v1"


@dataclass(frozen=True, slots=True)
class Visit:
    """One unit that handed the call on.

    Args:
        unit, member: which, and who serves it.
        to: the unit that it offered the call to.
        at: when it did so, by its own clock.
        signature: of the member under `said`.
        chain: certificates by which it is checked.
    """

    unit: str
    member: str
    to: str
    at: datetime
    signature: bytes = b""
    chain: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Visits:
    """The list as it travels: the id of the first handoff, and the visits in order."""

    first_id: str
    hops: tuple[Visit, ...]

    @property
    def units(self) -> tuple[str, ...]:
        """The units visited, in order."""
        return tuple(visit.unit for visit in self.hops)


Proved = Callable[[Visit, bytes], bool]


def said(visits: Visits, number: int) -> bytes:
    """What the signer of visit `number` (from 0) signs: the first handoff, its visit, and the signature before."""
    visit = visits.hops[number]
    before = hashlib.sha256(visits.hops[number - 1].signature if number else b"").hexdigest()
    parts = (_DOMAIN, visits.first_id, str(number), visit.unit, visit.member, visit.to, visit.at.isoformat(), before)
    return "\x00".join(parts).encode()


def check_visits(offer: Offer, visits: Visits | None, units: Mapping[str, Unit], proved: Proved) -> Refusal | None:
    """Refuse an offer whose list of units visited does not hold.

    Args:
        offer: what is asked, of a member that its connection proves.
        visits: the list as it came; None from a release that has none, which is believed of its own visit only.
        units: of the directory in use.
        proved: whether a visit's signature holds under what it must have said.
    """
    if len(offer.call.visited) > HOPS_MAX:
        return refuse(codes.HOPS_TOO_MANY, hops=len(offer.call.visited), most=HOPS_MAX)
    if visits is None:
        alone = offer.call.visited in ((), (offer.from_unit,))
        return None if alone else refuse(codes.VISITED_UNPROVED, unit=offer.from_unit[:6])
    if visits.units != offer.call.visited or len(set(visits.units)) != len(visits.units) or not visits.hops:
        return refuse(codes.VISITED_FORGED, member=offer.from_member)
    last = visits.hops[-1]
    if (last.unit, last.member, last.to) != (offer.from_unit, offer.from_member, offer.unit):
        return refuse(codes.VISITED_FORGED, member=offer.from_member)
    if any(visit.to != following.unit for visit, following in pairwise(visits.hops)):
        return refuse(codes.VISITED_FORGED, member=offer.from_member)
    for number, visit in enumerate(visits.hops):
        known = units.get(visit.unit)
        if known is None or not serves(known, visit.member) or not proved(visit, said(visits, number)):
            return refuse(codes.VISITED_FORGED, member=offer.from_member)
    return refuse(codes.LOOP, unit=offer.unit) if offer.unit in visits.units else None


def onward(visits: Visits | None, first_id: str, here: Visit, sign: Callable[[bytes], tuple[bytes, Sequence[bytes]]]) -> Visits:
    """The list with our own visit at its end.

    Args:
        visits: as the call came to us; None if it began here.
        first_id: the id of our handoff, for a call that began here.
        here: our visit, unsigned.
        sign: gives signature and certificates for what is said.
    """
    longer = Visits(visits.first_id if visits else first_id, (*(visits.hops if visits else ()), here))
    signature, chain = sign(said(longer, len(longer.hops) - 1))
    return Visits(longer.first_id, (*longer.hops[:-1], replace(here, signature=signature, chain=tuple(chain))))
