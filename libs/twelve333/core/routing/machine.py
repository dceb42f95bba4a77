"""The life of a handoff as a literal table, shared by the origin, the accepting node and the hub.

offered -> accepted | refused | expired | unreachable; what failed is offered to the next unit, or ends in the last resort;
accepted -> connected | conference | expired | returned; connected and conference lead to each other, and to completed | returned;
last resort -> settled | returned; settled -> completed | returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class HandoffState(StrEnum):
    """Where a handoff stands."""

    NEW = "new"  # not offered to anybody yet; never told
    OFFERED = "offered"
    ACCEPTED = "accepted"  # the unit holds a seat
    REFUSED = "refused"
    EXPIRED = "expired"  # no answer, or not put through in time
    UNREACHABLE = "unreachable"
    CONNECTED = "connected"
    CONFERENCE = "conference"  # three-way: the consultant who hands on is still in
    COMPLETED = "completed"
    RETURNED = "returned"  # back at the one who handed it on
    LAST_RESORT = "last_resort"  # voicemail, callback or a case
    SETTLED = "settled"  # the last resort was carried out; the caller need not wait


_S = HandoffState
_NEXT: Final = frozenset({_S.OFFERED, _S.LAST_RESORT})

STEPS: Final[Mapping[HandoffState, frozenset[HandoffState]]] = {
    _S.NEW: _NEXT,
    _S.OFFERED: frozenset({_S.ACCEPTED, _S.REFUSED, _S.EXPIRED, _S.UNREACHABLE}),
    _S.REFUSED: _NEXT,
    _S.EXPIRED: _NEXT,
    _S.UNREACHABLE: _NEXT,
    _S.ACCEPTED: frozenset({_S.CONNECTED, _S.CONFERENCE, _S.EXPIRED, _S.RETURNED}),
    _S.CONNECTED: frozenset({_S.CONFERENCE, _S.COMPLETED, _S.RETURNED}),
    _S.CONFERENCE: frozenset({_S.CONNECTED, _S.COMPLETED, _S.RETURNED}),
    _S.COMPLETED: frozenset(),
    _S.RETURNED: frozenset(),
    _S.LAST_RESORT: frozenset({_S.SETTLED, _S.RETURNED}),
    _S.SETTLED: frozenset({_S.COMPLETED, _S.RETURNED}),
}

# In these states a unit holds a seat for the call.
HOLDS_SEAT: Final = frozenset({_S.ACCEPTED, _S.CONNECTED, _S.CONFERENCE})
# In these the caller speaks with it.
PUT_THROUGH: Final = frozenset({_S.CONNECTED, _S.CONFERENCE})
