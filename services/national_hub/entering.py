"""Steps that units take by being entered in the register: the ministry takes a register over as it is, a province needs the proofs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import HUB
from twelve333.core.registration import codes
from twelve333.core.registration.life import LifePolicy, Stage, Step, StepState
from twelve333.core.registration.life_rules import lacking, steps_between
from twelve333.core.registration.model import Unit

from .evidence import own_evidence
from .store import life


@dataclass(frozen=True, slots=True)
class Entered:
    """A unit before and after it was entered."""

    before: Unit | None
    after: Unit

    @property
    def changed(self) -> bool:
        """Whether it is new or different."""
        return self.before != self.after


def enter_steps(tx: Connection, entered: Sequence[Entered], by: str, since: datetime, now: datetime) -> None:
    """Write down the steps that were taken so.

    Args:
        tx: the unit of work; what the units declare is entered already.
        entered: all of them.
        by: who entered them, `hub` or `hub/…` for the ministry.
        since: from when they stand so.
        now: aware time.

    Raises:
        Refused: REGISTRATION_EVIDENCE_MISSING, REGISTRATION_STEP_TO_ASK.
    """
    policy, taken = life.load_policy(tx), list[Step]()
    for each in entered:
        stages = steps_between(each.before, each.after)
        if stages and each.before and (pending := life.load_pending_of(tx, each.after.code)):
            life.keep_step(tx, replace(pending, state=StepState.OVERTAKEN, settled_at=now))
        for stage in stages:
            if by.partition("/")[0] != HUB:
                _refuse_unproved(tx, each.after, stage, policy, now)
            taken.append(Step(each.after.code, stage, by, since, state=StepState.TAKEN, settled_at=now))
    life.add_steps(tx, taken)


def _refuse_unproved(tx: Connection, unit: Unit, stage: Stage, policy: LifePolicy, now: datetime) -> None:
    rule = policy.rule(stage)
    if stage is Stage.WITH_SYSTEM and (rule.proofs or rule.approvals):
        raise Refused(refuse(codes.STEP_TO_ASK, code=unit.code))
    if rule.proofs and (refusal := lacking(unit.code, stage, own_evidence(tx, unit, now), policy, now)):
        raise Refused(refusal)
