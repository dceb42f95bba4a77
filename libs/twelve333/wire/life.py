"""A unit's life between the core and protobuf. What a newer peer says and we do not know is left out, or refused where it is asked for."""

from __future__ import annotations

import re
from typing import Final

from ..api.registration.v1 import life_pb2 as pb
from ..core.decision import FieldViolation, Refusal, Refused
from ..core.registration import codes
from ..core.registration.life import (
    RULED,
    SEEN_BY_HUB,
    Approval,
    Evidence,
    LifePolicy,
    Proof,
    Side,
    Stage,
    StageRule,
    Step,
    StepState,
)
from .examinations import signed_of
from .times import from_timestamp, to_timestamp

DETAIL_CHARS_MAX: Final = 200
DAYS_MAX: Final = 366
_STAGE_OUT: Final = {stage: pb.UnitStage.Value(f"UNIT_STAGE_{stage.name}") for stage in Stage}
_STAGE_IN: Final = {wire: stage for stage, wire in _STAGE_OUT.items()}
_PROOF_OUT: Final = {proof: pb.Proof.Value(f"PROOF_{proof.name}") for proof in Proof}
_PROOF_IN: Final = {wire: proof for proof, wire in _PROOF_OUT.items()}
_SIDE_OUT: Final = {side: pb.ApprovalSide.Value(f"APPROVAL_SIDE_{side.name}") for side in Side}
_SIDE_IN: Final = {wire: side for side, wire in _SIDE_OUT.items()}
_STATE_OUT: Final = {state: pb.StepState.Value(f"STEP_STATE_{state.name}") for state in StepState}
_STATE_IN: Final = {wire: state for state, wire in _STATE_OUT.items()}
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def stage_to_wire(stage: Stage) -> pb.UnitStage.ValueType:
    """The wire form of a stage."""
    return _STAGE_OUT[stage]


def stage_from_wire(stage: pb.UnitStage.ValueType) -> Stage | None:
    """The stage; None if not said, or said in a way we do not know."""
    return _STAGE_IN.get(stage)


def evidence_to_wire(it: Evidence) -> pb.UnitEvidence:
    """A proof as it travels."""
    at, detail = to_timestamp(it.at), it.detail[:DETAIL_CHARS_MAX]
    examination = signed_of(it.signed) if it.signed else None
    return pb.UnitEvidence(
        proof=_PROOF_OUT[it.proof], passed=it.passed, at=at, by=it.by, detail=detail, code=it.code, examination=examination
    )


def evidence_from_wire(it: pb.UnitEvidence) -> Evidence | None:
    """A proof as it was told; None if it is of a kind we do not know."""
    proof, detail = _PROOF_IN.get(it.proof), it.detail[:DETAIL_CHARS_MAX]
    signed = it.examination.SerializeToString(deterministic=True) if it.HasField("examination") else b""
    return Evidence(proof, it.passed, from_timestamp(it.at), it.by, detail, it.code[:64], signed) if proof else None


def step_to_wire(step: Step) -> pb.UnitStep:
    """A step as it travels."""
    return pb.UnitStep(
        unit=step.unit,
        number=step.number,
        stage=_STAGE_OUT[step.stage],
        asked_by=step.asked_by,
        asked_at=to_timestamp(step.asked_at),
        evidence=map(evidence_to_wire, step.evidence),
        approvals=map(_approval_out, step.approvals),
        state=_STATE_OUT[step.state],
        settled_at=to_timestamp(step.settled_at) if step.settled_at else None,
        waits_for=_SIDE_OUT[step.waits_for] if step.waits_for else pb.APPROVAL_SIDE_UNSPECIFIED,
    )


def step_from_wire(step: pb.UnitStep) -> Step:
    """A step as it was told; a stage or state we do not know counts as planned and overtaken, so that nobody waits for it."""
    return Step(
        unit=step.unit,
        stage=_STAGE_IN.get(step.stage, Stage.PLANNED),
        asked_by=step.asked_by,
        asked_at=from_timestamp(step.asked_at),
        evidence=tuple(it for each in step.evidence if (it := evidence_from_wire(each))),
        approvals=tuple(given for each in step.approvals if (given := _approval_in(each))),
        state=_STATE_IN.get(step.state, StepState.OVERTAKEN),
        settled_at=from_timestamp(step.settled_at) if step.HasField("settled_at") else None,
        number=step.number,
    )


def policy_to_wire(policy: LifePolicy) -> pb.LifePolicy:
    """The ministry's policy as it travels."""
    return pb.LifePolicy(
        rules=[
            pb.StageRule(
                stage=_STAGE_OUT[rule.stage],
                proofs=[_PROOF_OUT[proof] for proof in rule.proofs],
                approvals=[_SIDE_OUT[side] for side in rule.approvals],
            )
            for rule in policy.rules
        ],
        evidence_days=policy.evidence_days,
        silent_days=policy.silent_days,
        prompts_sha256=policy.prompts_sha256,
    )


def policy_from_wire(policy: pb.LifePolicy) -> LifePolicy:
    """A policy that somebody sets.

    Raises:
        Refused: REGISTRATION_LIFE_POLICY_INVALID, with every wrong field.
    """
    if wrong := [name for name, is_wrong in _mistakes(policy).items() if is_wrong]:
        told = tuple(FieldViolation(name, codes.POLICY_INVALID, {"field": name}) for name in wrong)
        raise Refused(Refusal(codes.POLICY_INVALID, {"field": ", ".join(wrong)}, told))
    rules = tuple(
        StageRule(_STAGE_IN[rule.stage], tuple(_PROOF_IN[it] for it in rule.proofs), tuple(_SIDE_IN[it] for it in rule.approvals))
        for rule in policy.rules
    )
    return LifePolicy(rules, policy.evidence_days, policy.silent_days, policy.prompts_sha256)


def _mistakes(policy: pb.LifePolicy) -> dict[str, bool]:
    stages = [rule.stage for rule in policy.rules]
    known = all(it in _PROOF_IN for rule in policy.rules for it in rule.proofs)
    return {
        "rules.stage": len(set(stages)) < len(stages) or any(_STAGE_IN.get(stage) not in RULED for stage in stages),
        "rules.proofs": not known or any(not _registers(rule) for rule in policy.rules),
        "rules.approvals": any(it not in _SIDE_IN for rule in policy.rules for it in rule.approvals),
        "evidence_days": not 0 < policy.evidence_days <= DAYS_MAX,
        "silent_days": not 0 < policy.silent_days <= DAYS_MAX,
        "prompts_sha256": bool(policy.prompts_sha256) and not _SHA256.fullmatch(policy.prompts_sha256),
    }


def _registers(rule: pb.StageRule) -> bool:
    """A unit registers by declaring: what can be asked of it then is what the hub sees itself, and nobody is asked to approve."""
    return _STAGE_IN.get(rule.stage) is not Stage.REGISTERED or (not rule.approvals and {*map(_PROOF_IN.get, rule.proofs)} <= SEEN_BY_HUB)


def _approval_out(it: Approval) -> pb.UnitApproval:
    return pb.UnitApproval(side=_SIDE_OUT[it.side], by=it.by, at=to_timestamp(it.at), approved=it.approved, reason=it.reason)


def _approval_in(it: pb.UnitApproval) -> Approval | None:
    side = _SIDE_IN.get(it.side)
    return Approval(side, it.by, from_timestamp(it.at), it.approved, it.reason) if side else None
