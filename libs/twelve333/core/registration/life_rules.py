"""Who may take a unit a step further in its life, with which proofs and whose approval.

The province approves first, then the ministry; where the policy does not ask a side, its approval is automatic. Suspending and closing
need neither, since a province must be able to do so in an emergency, and they end what was pending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from ..decision import Decision, FieldViolation, Refusal, refuse
from ..ids import HUB, check_unit_code, is_province_code
from . import codes
from .life import Approval, Evidence, LifePolicy, Proof, Side, Stage, Step, StepState
from .machine import STEPS
from .model import Unit, UnitStatus
from .rules import check_owner

BY_POLICY: Final = "policy"
REASON_CHARS_MAX: Final = 200
PROOF_CODES: Final = {
    Proof.CERTIFICATE: codes.PROOF_CERTIFICATE,
    Proof.DOCTOR: codes.PROOF_DOCTOR,
    Proof.TEST_CALL: codes.PROOF_TEST_CALL,
    Proof.PROMPTS: codes.PROOF_PROMPTS,
    Proof.HOURS: codes.PROOF_HOURS,
    Proof.CONTACT: codes.PROOF_CONTACT,
}
_AT_ONCE: Final = frozenset({Stage.SUSPENDED, Stage.CLOSED, Stage.PROVINCE_NODE})
_SYSTEM: Final = frozenset({Stage.WITH_SYSTEM, Stage.WITHOUT_SYSTEM})
_NODES: Final = frozenset({Stage.OWN_NODE, Stage.PROVINCE_NODE})


def ask(
    known: Unit | None, caller: str, asked: Step, pending: Step | None, evidence: Iterable[Evidence], policy: LifePolicy
) -> Decision[Step] | Refusal:
    """Decide on a step that is asked for; one that is there already, or pending, is success without events.

    Args:
        known: the unit as registered, if it is.
        caller: `hub` for the ministry, else the member that asks.
        asked: the step, without evidence and approvals.
        pending: what the unit waits for already, if anything.
        evidence: what is on record of the unit.
        policy: the ministry's.
    """
    refusal = check_unit_code(asked.unit) or check_owner(caller, asked.unit)
    if refusal:
        return refusal
    if known is None:
        return refuse(codes.UNIT_UNKNOWN, code=asked.unit)
    if is_at(known, asked.stage):
        return Decision(replace(asked, state=StepState.TAKEN, settled_at=asked.asked_at))
    if pending and pending.stage is asked.stage:
        return Decision(pending)
    if refusal := check_step(known, caller, asked.stage):
        return refusal
    if asked.stage in _AT_ONCE or (known.status is UnitStatus.SUSPENDED and asked.stage is Stage.OPEN):
        step = _taken(asked, asked.asked_at)
        return Decision(step, (step,))
    if pending:
        return refuse(codes.STEP_PENDING, code=asked.unit, stage=pending.stage.value)
    return _with_proofs(asked, list(evidence), policy, asked.asked_at)


def approve(step: Step | None, known: Unit, given: Approval, evidence: Iterable[Evidence], policy: LifePolicy) -> Decision[Step] | Refusal:
    """Decide on one side's yes or no; the last yes takes the step, if its proofs still hold. A yes that was given already is success.

    Args:
        step: what the unit waits for; None if nothing.
        known: the unit.
        given: who says what, and when.
        evidence: what is on record of the unit now.
        policy: the ministry's.
    """
    if not given.approved and not 0 < len(given.reason) <= REASON_CHARS_MAX:
        return refuse(codes.REASON_MISSING, limit=REASON_CHARS_MAX)
    if step is None:
        return refuse(codes.NOTHING_PENDING, code=known.code)
    if any(each.side is given.side for each in step.approvals) and given.approved:
        return Decision(step)
    if step.waits_for is not given.side:
        return refuse(codes.APPROVAL_TURN, code=step.unit, side=step.waits_for.value if step.waits_for else "")
    if not given.approved:
        rejected = replace(step, approvals=(*step.approvals, given), state=StepState.REJECTED, settled_at=given.at)
        return Decision(rejected, (rejected,))
    approved = replace(step, approvals=(*step.approvals, given))
    return _with_proofs(approved, list(evidence), policy, given.at)


def side_of(caller: str, unit: str) -> Side | Refusal:
    """For which side a caller approves: `hub` for the ministry, the province for its units; a city with a node of its own for none."""
    if caller == HUB:
        return Side.MINISTRY
    refusal = check_owner(caller, unit)
    return refusal or (Side.PROVINCE if is_province_code(caller) else refuse(codes.APPROVAL_NOT_YOURS, code=unit))


def is_at(unit: Unit, stage: Stage) -> bool:
    """Whether a unit is there already."""
    if stage in _SYSTEM:
        return unit.with_system is (stage is Stage.WITH_SYSTEM)
    if stage in _NODES:
        return unit.member == _server(unit, stage)
    return unit.status.value == stage.value


def reached(unit: Unit, stage: Stage) -> Unit:
    """The unit once the step is taken."""
    if stage in _SYSTEM:
        return replace(unit, with_system=stage is Stage.WITH_SYSTEM)
    if stage in _NODES:
        return replace(unit, member=_server(unit, stage))
    return replace(unit, status=UnitStatus(stage.value), silent_since=None)


def steps_between(before: Unit | None, after: Unit) -> list[Stage]:
    """The stages that lie between two entries of a unit in the register."""
    found = [] if before and before.status is after.status else [Stage(after.status.value)]
    if after.with_system is not bool(before and before.with_system):
        found.append(Stage.WITH_SYSTEM if after.with_system else Stage.WITHOUT_SYSTEM)
    return found


def check_step(known: Unit, caller: str, stage: Stage) -> Refusal | None:
    """Refuse a step that the table does not have, or that is not the caller's."""
    if stage in _NODES:
        return _check_move(known, caller, stage)
    if stage in _SYSTEM:
        who = STEPS[UnitStatus.OPEN, UnitStatus.SUSPENDED] if known.status is UnitStatus.OPEN else frozenset[str]()
    else:
        who = STEPS.get((known.status, UnitStatus(stage.value)), frozenset())
    if not who:
        return refuse(codes.STATUS_STEP, code=known.code, status=known.status.value, to=stage.value)
    return None if ("ministry" if caller == HUB else "province") in who else refuse(codes.STATUS_NOT_YOURS, code=known.code)


def _check_move(known: Unit, caller: str, stage: Stage) -> Refusal | None:
    """Who is to serve a unit asks for it, so that it agrees; the province agrees by its approval, and takes a unit back at once."""
    if known.status is UnitStatus.CLOSED:
        return refuse(codes.STATUS_STEP, code=known.code, status=known.status.value, to=stage.value)
    if stage is Stage.OWN_NODE:
        return None if caller == known.code else refuse(codes.MOVE_ASKED_BY_OTHER, code=known.code)
    return refuse(codes.STATUS_NOT_YOURS, code=known.code) if caller == known.code else None


def _server(unit: Unit, stage: Stage) -> str:
    return unit.code if stage is Stage.OWN_NODE else unit.province


def lacking(unit: str, stage: Stage, evidence: Iterable[Evidence], policy: LifePolicy, now: datetime) -> Refusal | None:
    """Refuse a step for which proofs are missing, with one violation each that says how it stands and what to do."""
    known = {it.proof: it for it in evidence}
    counting = policy.counting(known.values(), now)
    missing = [proof for proof in policy.rule(stage).proofs if proof not in counting]
    if not missing:
        return None
    told = tuple(FieldViolation(proof.value, PROOF_CODES[proof], _how(unit, known.get(proof), policy)) for proof in missing)
    params = {"code": unit, "stage": stage.value, "count": str(len(missing)), "missing": ", ".join(missing)}
    return Refusal(codes.EVIDENCE_MISSING, params, told)


def _with_proofs(step: Step, evidence: list[Evidence], policy: LifePolicy, now: datetime) -> Decision[Step] | Refusal:
    if refusal := lacking(step.unit, step.stage, evidence, policy, now):
        return refusal
    counting = policy.counting(evidence, now)
    step = replace(step, evidence=tuple(counting[proof] for proof in policy.rule(step.stage).proofs))
    by_hand = policy.rule(step.stage).approvals
    while (side := step.waits_for) and side not in by_hand:
        step = replace(step, approvals=(*step.approvals, Approval(side, BY_POLICY, now)))
    step = step if step.waits_for else _taken(step, now)
    return Decision(step, (step,))


def _taken(step: Step, now: datetime) -> Step:
    return replace(step, state=StepState.TAKEN, settled_at=now)


def _how(unit: str, it: Evidence | None, policy: LifePolicy) -> dict[str, str]:
    last = f"{it.at:%Y-%m-%d} {it.code or it.detail}".strip() if it else "–"
    return {"code": unit, "last": last, "days": str(policy.evidence_days)}
