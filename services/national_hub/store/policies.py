"""What the hub keeps of units' rules: every revision that was ever in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, String, Table, and_, func, insert, select

from twelve333.adapters.sql.types import UtcDateTime
from twelve333.api.routing.v1.policy_pb2 import RoutingPolicy

from .metadata import metadata

routing_policies = Table(
    "routing_policies",
    metadata,
    Column("unit", String(6), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("policy", LargeBinary, nullable=False),
)


def load_policy(tx: Connection, unit: str) -> RoutingPolicy | None:
    """The rules of a unit that are in force, or None."""
    query = select(routing_policies.c.policy).where(routing_policies.c.unit == unit).order_by(routing_policies.c.revision.desc()).limit(1)
    kept = tx.scalar(query)
    return RoutingPolicy.FromString(kept) if kept is not None else None


def load_policies(tx: Connection) -> list[RoutingPolicy]:
    """All rules that are in force, in the order of their units."""
    columns = routing_policies.c
    latest = select(columns.unit, func.max(columns.revision).label("revision")).group_by(columns.unit).subquery()
    present = and_(columns.unit == latest.c.unit, columns.revision == latest.c.revision)
    rows = tx.scalars(select(columns.policy).join(latest, present).order_by(columns.unit))
    return [policy for kept in rows if (policy := RoutingPolicy.FromString(kept)).rules]


def enter_policy(tx: Connection, policy: RoutingPolicy, now: datetime) -> tuple[int, bool]:
    """Keep the rules of a unit if they differ from those in force; the revision in force, and whether it is new.

    Args:
        tx: the unit of work.
        policy: as it came, with fields of a newer version; its revision is set here.
        now: aware time.
    """
    before = load_policy(tx, policy.unit)
    entered = RoutingPolicy()
    entered.CopyFrom(policy)
    entered.revision = before.revision if before else 0
    if entered == before or (before is None and not policy.rules):
        return entered.revision, False
    entered.revision += 1
    keep_policy(tx, entered, now)
    return entered.revision, True


def keep_policy(tx: Connection, policy: RoutingPolicy, now: datetime) -> None:
    """Keep rules that were checked, under their own revision."""
    kept = policy.SerializeToString(deterministic=True)
    tx.execute(insert(routing_policies).values(unit=policy.unit, revision=policy.revision, changed_at=now, policy=kept))
