"""A unit's life with its proofs: what is on record of a unit, who approved which step, and what the ministry's policy asks for.

The policy is data, so the ministry asks for more or less without another program (`twelve333 unit policy`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from ..ids import HUB


class Stage(StrEnum):
    """What a unit reaches by a step; `with_system` is counted apart from the others."""

    PLANNED = "planned"
    REGISTERED = "registered"
    VERIFIED = "verified"
    OPEN = "open"
    WITH_SYSTEM = "with_system"
    WITHOUT_SYSTEM = "without_system"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    OWN_NODE = "own_node"  # served by a node of its own
    PROVINCE_NODE = "province_node"  # served by its province's node again


class Proof(StrEnum):
    """What can be shown of a unit."""

    CERTIFICATE = "certificate"  # its member's certificate is in use
    DOCTOR = "doctor"  # its node found nothing wrong with itself, signed, and the hub saw the same where it can look too
    TEST_CALL = "test_call"  # a call went from its node to another one, and one came back
    PROMPTS = "prompts"  # what is reported to be played is what is published
    HOURS = "hours"  # it declares hours in which somebody answers
    CONTACT = "contact"  # it declares an office to turn to


class Side(StrEnum):
    """Who approves, in this order."""

    PROVINCE = "province"
    MINISTRY = "ministry"


class StepState(StrEnum):
    """What became of a step that was asked for."""

    PENDING = "pending"
    TAKEN = "taken"
    REJECTED = "rejected"
    OVERTAKEN = "overtaken"  # the unit was suspended, closed or taken over meanwhile


RULED: Final = frozenset({Stage.REGISTERED, Stage.VERIFIED, Stage.OPEN, Stage.WITH_SYSTEM, Stage.OWN_NODE})
SEEN_BY_HUB: Final = frozenset({Proof.CERTIFICATE, Proof.HOURS, Proof.CONTACT})


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proof as it was found.

    Args:
        proof: which.
        passed: whether it holds.
        at: when it was looked at.
        by: who did: `hub`, or the node's member and its operator.
        detail: what was found: a serial, a partner, a hash; nothing personal.
        code: why it does not hold; empty if it does.
        signed: what a node signed of it, with the signature; empty if nothing.
    """

    proof: Proof
    passed: bool
    at: datetime
    by: str
    detail: str = ""
    code: str = ""
    signed: bytes = b""


@dataclass(frozen=True, slots=True)
class Approval:
    """One side's yes or no; `by` is `policy` where nobody had to be asked."""

    side: Side
    by: str
    at: datetime
    approved: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a unit that was asked for.

    Args:
        unit: its code.
        stage: what it is to reach.
        asked_by: who asked.
        asked_at: when.
        evidence: what counted for it.
        approvals: in the order in which they were given.
        state: what became of it.
        settled_at: when; None while it is pending.
        number: of the unit's steps, from 1; 0 until it is kept.
    """

    unit: str
    stage: Stage
    asked_by: str
    asked_at: datetime
    evidence: tuple[Evidence, ...] = ()
    approvals: tuple[Approval, ...] = ()
    state: StepState = StepState.PENDING
    settled_at: datetime | None = None
    number: int = 0

    @property
    def waits_for(self) -> Side | None:
        """Whose approval is due; None if nobody's."""
        given = {approval.side for approval in self.approvals}
        return next((side for side in Side if side not in given), None) if self.state is StepState.PENDING else None


@dataclass(frozen=True, slots=True)
class StageRule:
    """What a step needs: proofs, and the sides that approve by hand; the others' approval is automatic."""

    stage: Stage
    proofs: tuple[Proof, ...] = ()
    approvals: tuple[Side, ...] = ()


@dataclass(frozen=True, slots=True)
class LifePolicy:
    """What the ministry asks for.

    Args:
        rules: at most one a stage; a stage without a rule needs nothing.
        evidence_days: how old what counts may be.
        silent_days: after so many days without a sign of life a unit does not count as open.
        prompts_sha256: the hash that the prompts must have which an operator tells; empty: any.
    """

    rules: tuple[StageRule, ...]
    evidence_days: int = 30
    silent_days: int = 7
    prompts_sha256: str = ""

    def rule(self, stage: Stage) -> StageRule:
        """What a stage needs."""
        return next((rule for rule in self.rules if rule.stage is stage), StageRule(stage))

    def counting(self, evidence: Iterable[Evidence], now: datetime) -> dict[Proof, Evidence]:
        """What holds, is young enough and says what the ministry wants to hear."""
        youngest, prompts = now - timedelta(days=self.evidence_days), self.prompts_sha256
        return {it.proof: it for it in evidence if it.passed and it.at >= youngest and not (_other_prompts(it, prompts))}


USUAL_POLICY: Final = LifePolicy(
    (
        StageRule(Stage.VERIFIED, tuple(Proof)),
        StageRule(Stage.OPEN, (Proof.CERTIFICATE, Proof.DOCTOR, Proof.TEST_CALL), tuple(Side)),
        StageRule(Stage.OWN_NODE, (), (Side.PROVINCE,)),
    )
)


def _other_prompts(it: Evidence, wanted: str) -> bool:
    return it.proof is Proof.PROMPTS and it.by != HUB and bool(wanted) and it.detail != wanted
