"""The lives of units: every step with its evidence and approvals, everything that was ever put on record, and the ministry's policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, delete, func, insert, select, update

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.registration.v1 import life_pb2 as pb
from twelve333.core.registration.life import USUAL_POLICY, Evidence, LifePolicy, Step, StepState
from twelve333.wire.life import evidence_from_wire, evidence_to_wire, policy_from_wire, policy_to_wire, step_from_wire, step_to_wire

from .metadata import metadata

steps = Table(
    "unit_steps",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False, index=True),
    Column("step", LargeBinary, nullable=False),
)
evidence = Table(
    "unit_evidence",
    metadata,
    Column("code", String(6), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
)
policy = Table(
    "life_policy",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("policy", LargeBinary, nullable=False),
)


def add_steps(tx: Connection, added: Sequence[Step]) -> None:
    """Enter steps, numbered after those of the same unit; several of one unit in their order."""
    last = _last(tx, steps, {step.unit for step in added})
    rows = []
    for step in added:
        number = last[step.unit] = last.get(step.unit, 0) + 1
        rows.append({"code": step.unit, "number": number, "state": step.state.value, "step": _bytes(replace(step, number=number))})
    if rows:
        tx.execute(insert(steps), rows)


def keep_step(tx: Connection, step: Step) -> Step:
    """Enter a step, or what became of it; as it is kept."""
    if not step.number:
        step = replace(step, number=_last(tx, steps, {step.unit}).get(step.unit, 0) + 1)
        tx.execute(insert(steps).values(code=step.unit, number=step.number, state=step.state.value, step=_bytes(step)))
        return step
    row = (steps.c.code == step.unit) & (steps.c.number == step.number)
    tx.execute(update(steps).where(row).values(state=step.state.value, step=_bytes(step)))
    return step


def load_steps(tx: Connection, code: str) -> list[Step]:
    """All steps of a unit, the oldest first."""
    rows = tx.scalars(select(steps.c.step).where(steps.c.code == code).order_by(steps.c.number))
    return [step_from_wire(pb.UnitStep.FromString(kept)) for kept in rows]


def load_pending(tx: Connection, province: str = "") -> list[Step]:
    """Steps that wait for an approval, in the order of the units; those of one province if given."""
    query = select(steps.c.step).where(steps.c.state == StepState.PENDING.value).order_by(steps.c.code, steps.c.number)
    if province:
        query = query.where(steps.c.code.startswith(province[:2], autoescape=True))
    return [step_from_wire(pb.UnitStep.FromString(kept)) for kept in tx.scalars(query)]


def load_pending_of(tx: Connection, code: str) -> Step | None:
    """The step that a unit waits for, or None."""
    kept = tx.scalar(select(steps.c.step).where(steps.c.code == code, steps.c.state == StepState.PENDING.value))
    return step_from_wire(pb.UnitStep.FromString(kept)) if kept is not None else None


def add_evidence(tx: Connection, code: str, found: Sequence[Evidence]) -> None:
    """Put on record what was found of a unit."""
    last = _last(tx, evidence, {code}).get(code, 0)
    rows = [
        {"code": code, "number": number, "at": it.at, "evidence": evidence_to_wire(it).SerializeToString(deterministic=True)}
        for number, it in enumerate(found, last + 1)
    ]
    if rows:
        tx.execute(insert(evidence), rows)


def load_evidence(tx: Connection, code: str) -> list[Evidence]:
    """The latest evidence of each kind, in the order in which it was found."""
    return list({it.proof: it for it in all_evidence(tx, code)}.values())


def all_evidence(tx: Connection, code: str) -> list[Evidence]:
    """Everything that was ever found of a unit, in that order."""
    rows = tx.scalars(select(evidence.c.evidence).where(evidence.c.code == code).order_by(evidence.c.number))
    return [it for kept in rows if (it := evidence_from_wire(pb.UnitEvidence.FromString(kept)))]


def replace_steps(tx: Connection, code: str, all_steps: Sequence[Step]) -> None:
    """Enter the steps of a unit in place of those that were there."""
    tx.execute(delete(steps).where(steps.c.code == code))
    add_steps(tx, all_steps)


def replace_evidence(tx: Connection, code: str, found: Sequence[Evidence]) -> None:
    """Put on record what was found of a unit in place of what was there."""
    tx.execute(delete(evidence).where(evidence.c.code == code))
    add_evidence(tx, code, found)


def load_policy(tx: Connection) -> LifePolicy:
    """What the ministry asks for: what it set last, else what is usual."""
    kept = tx.scalar(select(policy.c.policy))
    return policy_from_wire(pb.LifePolicy.FromString(kept)) if kept is not None else USUAL_POLICY


def save_policy(tx: Connection, wanted: LifePolicy) -> None:
    """Keep what the ministry asks for from now on; who set what when is in the audit log."""
    tx.execute(delete(policy))
    tx.execute(insert(policy).values(number=1, policy=policy_to_wire(wanted).SerializeToString(deterministic=True)))


def _last(tx: Connection, table: Table, units: set[str]) -> dict[str, int]:
    counted = select(table.c.code, func.max(table.c.number)).where(table.c.code.in_(units)).group_by(table.c.code)
    return dict(tx.execute(counted).tuples().all())


def _bytes(step: Step) -> bytes:
    return step_to_wire(step).SerializeToString(deterministic=True)
