"""The life of a unit as a literal table: from each state, the states that may follow, and who may take the step.

planned -> registered -> verified -> open; open <-> suspended; anything -> closed. Which steps need proofs and whose approval is a
matter of the ministry's policy (`life_rules`); a province may suspend, resume what was open, and close its own units at once, because it
must be able to do so in an emergency.
"""

from __future__ import annotations

from typing import Final

from .model import UnitStatus as S

BOTH: Final = frozenset({"ministry", "province"})

STEPS: Final[dict[tuple[S, S], frozenset[str]]] = {
    (S.PLANNED, S.REGISTERED): BOTH,
    (S.REGISTERED, S.VERIFIED): BOTH,
    (S.VERIFIED, S.OPEN): BOTH,
    (S.OPEN, S.SUSPENDED): BOTH,
    (S.SUSPENDED, S.OPEN): BOTH,
    (S.PLANNED, S.CLOSED): BOTH,
    (S.REGISTERED, S.CLOSED): BOTH,
    (S.VERIFIED, S.CLOSED): BOTH,
    (S.OPEN, S.CLOSED): BOTH,
    (S.SUSPENDED, S.CLOSED): BOTH,
}
