"""The tables of cases, and a case or step as a row of them. Hub and node keep cases alike, so the tables are here once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from twelve333.core.cases.messages import Arrived, CaseEvent
from twelve333.core.cases.model import Case, Offer, Party, State
from twelve333.core.worktime.model import Due
from twelve333.wire.cases import arrived_to_wire, step_to_wire

from .fields import personal
from .types import UtcDateTime


def case_table(metadata: MetaData) -> Table:
    """The present state of each case."""
    table = Table(
        "cases",
        metadata,
        Column("case_id", String(64), primary_key=True),
        Column("topic", String(32), nullable=False),
        Column("region", String(6), nullable=False),
        Column("summary", Text, nullable=False, info=personal("case_id")),
        Column("opened_at", UtcDateTime, nullable=False),
        Column("first_unit", String(6), nullable=False),
        Column("first_member", String(6), nullable=False),
        Column("owner_unit", String(6), nullable=False),
        Column("owner_member", String(6), nullable=False),
        Column("owner_epoch", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Column("state", String(16), nullable=False),
        Column("pending_unit", String(6), nullable=True),
        Column("pending_member", String(6), nullable=True),
        Column("offered_at", UtcDateTime, nullable=True),
        Column("answer", Text, nullable=False, info=personal("case_id")),
        Column("caller_due_at", UtcDateTime, nullable=False),
        Column("caller_due_provisional", Boolean, nullable=False),
        Column("owner_due_at", UtcDateTime, nullable=False),
        Column("owner_due_provisional", Boolean, nullable=False),
        Column("forgotten_at", UtcDateTime, nullable=True),  # when its texts were deleted
    )
    Index("ix_cases_caller_due", table.c.caller_due_at, table.c.case_id)
    Index("ix_cases_owner_unit", table.c.owner_unit, table.c.state)
    Index("ix_cases_forgotten", table.c.state, table.c.forgotten_at)
    return table


def step_table(metadata: MetaData) -> Table:
    """Every step of every case."""
    return Table(
        "case_steps",
        metadata,
        Column("case_id", String(64), primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("step_id", String(64), nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("step", LargeBinary, nullable=False, info=personal("case_id", "version")),  # serialised CaseStep
    )


def held_table(metadata: MetaData) -> Table:
    """Steps that wait for their predecessor."""
    return Table(
        "case_steps_held",
        metadata,
        Column("case_id", String(64), primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("origin", String(6), primary_key=True),
        Column("held_at", UtcDateTime, nullable=False),
        Column("taken", LargeBinary, nullable=False, info=personal("case_id", "version", "origin")),  # serialised CaseStepTaken
    )


def case_values(case: Case) -> dict[str, Any]:
    """A case as values of its row, without the id."""
    offer = case.pending
    return {
        "topic": case.topic,
        "region": case.region,
        "summary": case.summary,
        "opened_at": case.opened_at,
        "first_unit": case.first_asked.unit,
        "first_member": case.first_asked.member,
        "owner_unit": case.owner.unit,
        "owner_member": case.owner.member,
        "owner_epoch": case.owner_epoch,
        "version": case.version,
        "state": case.state.value,
        "pending_unit": offer.to.unit if offer else None,
        "pending_member": offer.to.member if offer else None,
        "offered_at": offer.offered_at if offer else None,
        "answer": case.answer,
        "caller_due_at": case.caller_due.at,
        "caller_due_provisional": case.caller_due.provisional,
        "owner_due_at": case.owner_due.at,
        "owner_due_provisional": case.owner_due.provisional,
    }


def case_of(row: Mapping[str, Any], history: tuple[CaseEvent, ...]) -> Case:
    """A row as a case, with the history that was loaded."""
    offer = Offer(Party(row["pending_unit"], row["pending_member"]), row["offered_at"]) if row["pending_unit"] else None
    return Case(
        case_id=row["case_id"],
        topic=row["topic"],
        region=row["region"],
        summary=row["summary"],
        opened_at=row["opened_at"],
        first_asked=Party(row["first_unit"], row["first_member"]),
        owner=Party(row["owner_unit"], row["owner_member"]),
        owner_epoch=row["owner_epoch"],
        version=row["version"],
        state=State(row["state"]),
        pending=offer,
        answer=row["answer"],
        caller_due=Due(row["caller_due_at"], row["caller_due_provisional"]),
        owner_due=Due(row["owner_due_at"], row["owner_due_provisional"]),
        history=history,
    )


def step_values(event: CaseEvent) -> dict[str, Any]:
    """A step as values of its row; the bytes are the same on every replica."""
    stamp, data = event.stamp, step_to_wire(event).SerializeToString(deterministic=True)
    return {"case_id": stamp.case_id, "version": stamp.version, "step_id": stamp.step_id, "at": stamp.at, "step": data}


def held_values(arrived: Arrived, now: datetime) -> dict[str, Any]:
    """A waiting step as values of its row."""
    stamp, taken = arrived.event.stamp, arrived_to_wire(arrived.event, arrived.history)
    head = {"case_id": stamp.case_id, "version": stamp.version, "origin": arrived.origin}
    return {**head, "held_at": now, "taken": taken.SerializeToString()}
