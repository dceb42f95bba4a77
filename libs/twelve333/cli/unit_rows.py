"""Units, their steps and proofs as plain values, each with the command that comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.doctor.examinations import Examined
from ..core.registration.life import Evidence, Side, Step, StepState
from ..core.registration.model import Unit, UnitStatus
from ..wire.examinations import decode_examined, signed_of

if TYPE_CHECKING:
    from ..client.life import StepTaken, UnitLife

STEP_COLUMNS = ("number", "stage", "state", "asked_by", "asked_at", "approvals", "evidence", "settled_at")
EVIDENCE_COLUMNS = ("proof", "passed", "at", "by", "detail", "code")
PENDING_COLUMNS = ("unit", "stage", "waits_for", "asked_by", "asked_at", "next")
_NEXT = {
    UnitStatus.PLANNED: "twelve333 unit template {code} > unit.yaml; twelve333 unit apply -f unit.yaml",
    UnitStatus.REGISTERED: "twelve333 unit verify {code} --profile node/profiles/operator",
    UnitStatus.VERIFIED: "twelve333 unit open {code}",
    UnitStatus.OPEN: "twelve333 coverage resolve {code}",
    UnitStatus.SUSPENDED: "twelve333 unit open {code}",
    UnitStatus.CLOSED: "twelve333 unit list --province {province}",
}


def unit_row(unit: Unit) -> dict[str, Any]:
    """A unit as plain values."""
    return {
        "code": unit.code,
        "name": unit.name,
        "province": unit.province,
        "level": unit.level.value,
        "status": unit.status.value,
        "with_system": unit.with_system,
        "member": unit.member,
        "silent_since": unit.silent_since.isoformat(timespec="seconds") if unit.silent_since else None,
    }


def next_of(unit: Unit, pending: Step | None = None) -> str:
    """The command that brings a unit further."""
    if pending and pending.waits_for:
        return _approve(pending)
    if unit.silent_since:
        return f"twelve333 unit verify {unit.code} --profile node/profiles/operator"
    return _NEXT[unit.status].format(code=unit.code, province=unit.province)


def _approve(step: Step) -> str:
    """For whose turn it is, to be typed there."""
    profile = "hub/profiles/operator" if step.waits_for is Side.MINISTRY else "node/profiles/operator"
    return f"twelve333 unit approve {step.unit} --profile {profile}"


def step_values(step: Step) -> dict[str, Any]:
    """A step as plain values."""
    return {
        "unit": step.unit,
        "number": step.number,
        "stage": step.stage.value,
        "state": step.state.value,
        "waits_for": step.waits_for.value if step.waits_for else None,
        "asked_by": step.asked_by,
        "asked_at": step.asked_at.isoformat(timespec="seconds"),
        "approvals": [_approval(each.side.value, each.by, each.reason, approved=each.approved) for each in step.approvals],
        "evidence": [it.proof.value for it in step.evidence],
        "settled_at": step.settled_at.isoformat(timespec="seconds") if step.settled_at else None,
    }


def evidence_values(it: Evidence) -> dict[str, Any]:
    """A proof as plain values."""
    at = it.at.isoformat(timespec="seconds")
    values = {"proof": it.proof.value, "passed": it.passed, "at": at, "by": it.by, "detail": it.detail or None, "code": it.code or None}
    examined = decode_examined(signed_of(it.signed).examination) if it.signed else None
    return values | ({"signed_at": examined.at.isoformat(), "checks": _checks(examined)} if examined else {})


def _checks(examined: Examined) -> dict[str, str]:
    return {check.name: check.level.value for check in examined.checks}


def taken_values(taken: StepTaken) -> dict[str, Any]:
    """How a step that was asked for or decided stands, with the unit."""
    step, pending = taken.step, taken.step if taken.step.state is StepState.PENDING else None
    return {
        **unit_row(taken.unit),
        "step": step.stage.value,
        "state": step.state.value,
        "waits_for": step.waits_for.value if step.waits_for else None,
        "directory_version": taken.directory_version,
        "next": next_of(taken.unit, pending),
    }


def pending_values(step: Step) -> dict[str, Any]:
    """A step that waits, with what to do about it."""
    return {**step_values(step), "next": _approve(step)}


def life_values(life: UnitLife) -> dict[str, Any]:
    """What is on record of a unit, as one object."""
    declared, pending = life.declaration, next((step for step in life.steps if step.state is StepState.PENDING), None)
    return {
        **unit_row(life.unit),
        "city_hotline": declared.city_hotline.value if declared else None,
        "reserved_pct": declared.reserved_pct if declared else None,
        "contact": declared.contact.office if declared and declared.contact else None,
        "last_sign": f"{life.last_sign} {life.last_sign_at.isoformat(timespec='seconds')}" if life.last_sign_at else None,
        "in_force_from": [each.in_force_from.isoformat() for each in life.upcoming if each.in_force_from],
        "steps": [step_values(step) for step in life.steps],
        "evidence": [evidence_values(it) for it in life.evidence],
        "next": next_of(life.unit, pending),
    }


def _approval(side: str, by: str, reason: str, *, approved: bool) -> str:
    return f"{side}: {by}" if approved else f"{side}: {by} no, {reason}"
