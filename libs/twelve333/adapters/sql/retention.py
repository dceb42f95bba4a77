"""Deletes what callers told once it has been kept for as long as the policy says, and proves it: same unit of work, same audit log.

Of a case the skeleton stays (ids, states, times, hashes of texts), of events what the inbox must know for ever, so a late repeat of
something deleted has no effect. What somebody must keep longer is held, case by case.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    cast,
    delete,
    false,
    func,
    insert,
    not_,
    or_,
    select,
    tuple_,
    update,
)

from ...core import retention as core
from ...core.audit.model import OK, Entry
from ...core.cases.forgetting import is_forgotten
from ...core.cases.messages import CaseAnswered, CaseOpened, TransferRefused
from ...core.cases.model import Case, State
from ...core.decision import Refusal, refuse
from ...core.ids import HUB
from ...core.retention import Deleted, Policy, Run
from .audit import AuditLog
from .cases import CaseStore
from .confirmed import confirmed_before, forget_marks, mark_confirmed
from .tables import delivery_tables
from .types import UtcDateTime

ROWS_AT_ONCE: Final = 1000
CASES_AT_ONCE: Final = 100
ACTION: Final = "retention.run"
Ids = Sequence[Row[Any]]
Record = Callable[[Connection, Run], None]


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of personal rows: which are older than a moment (their ids), what deleting does, how many at once."""

    name: str
    overdue: Callable[[datetime], Select[Any]]
    delete: Callable[[Connection, Ids, datetime], None]
    most: int = ROWS_AT_ONCE


class Retention:
    """The tables of one service and plain functions on them; each takes the connection of a unit of work.

    Args:
        metadata: the service's tables.
        cases: its cases.
        contexts: columns with what was told with calls, each with the column of its age.
    """

    def __init__(self, metadata: MetaData, cases: CaseStore, contexts: Sequence[tuple[Column[Any], Column[Any]]] = ()) -> None:
        self._delivery = delivery = delivery_tables(metadata)
        self.cases, self.runs, self.holds = cases, _run_table(metadata), _hold_table(metadata)
        self.tables = [cases.cases, cases.steps, cases.held, delivery.outbox, delivery.inbox_parked, *(told.table for told, _ in contexts)]
        self._party = ""
        self._others = [
            _rows(core.HELD, cases.held.c.held_at),
            *(_values(core.CONTEXTS, told, since) for told, since in contexts),
            _Kind(core.CONFIRMED, partial(confirmed_before, delivery), partial(_delete_rows, delivery.outbox)),
            _rows(core.PARKED, delivery.inbox_parked.c.parked_at),
        ]

    def at(self, member: str) -> Retention:
        """The same for one node: a case to which it is no party any more is over for it with the last step that it was told."""
        kept = copy(self)
        kept._party = "" if member == HUB else member  # the hub hears of every step and is never a party
        return kept

    @property
    def _kinds(self) -> list[_Kind]:
        return [_Kind(core.CASES, self._over, self._forget, CASES_AT_ONCE), *self._others]

    def overdue(self, tx: Connection, policy: Policy, now: datetime) -> dict[str, int]:
        """How many of each kind are older than the policy allows."""
        counts = dict.fromkeys((kind.name for kind in self._kinds), 0)
        for kind in self._kinds:
            query = kind.overdue(policy.before(kind.name, now)).subquery()
            counts[kind.name] += tx.scalar(select(func.count()).select_from(query)) or 0
        return counts

    def run(self, tx: Connection, policy: Policy, now: datetime, by: str, record: Record) -> Run | None:
        """Delete some of what is overdue; None when there is nothing any more.

        Args:
            by: what started it.
            record: puts the run into the audit log.
        """
        mark_confirmed(tx, self._delivery, now)
        deleted = [self._delete(tx, kind, policy.before(kind.name, now), now) for kind in self._kinds]
        if not any(each and each.kind == core.CONFIRMED for each in deleted):
            forget_marks(tx, self._delivery, policy.before(core.CONFIRMED, now))
        return self._keep(tx, Run(now, by, tuple(filter(None, deleted))), record)

    def forget_told(self, tx: Connection, ids: Sequence[str], origin: str, now: datetime, record: Record) -> None:
        """Delete the texts of cases that the member that was asked first has deleted; held ones stay."""
        cases = self.cases.cases.c
        wanted = self._over(now).where(cases.case_id.in_(ids), cases.first_member == origin)
        kind = _Kind(core.CASES, lambda _before: wanted, self._forget)
        found = self._delete(tx, kind, now, now)
        self._keep(tx, Run(now, origin, (found,) if found else ()), record)

    def forgotten(self, tx: Connection, at: datetime, member: str) -> list[Case]:
        """The cases that were forgotten at that moment and of which `member` was asked first, with their histories."""
        cases = self.cases.cases.c
        ids = tx.scalars(select(cases.case_id).where(cases.forgotten_at == at, cases.first_member == member)).all()
        return [case for case in (self.cases.load(tx, case_id) for case_id in ids) if case]

    def hold(self, tx: Connection, case_id: str, reference: str, now: datetime) -> Refusal | None:
        """Keep the texts of a case until the hold is released."""
        if tx.scalar(select(self.cases.cases.c.case_id).where(self.cases.cases.c.case_id == case_id)) is None:
            return refuse(core.CASE_UNKNOWN, id=case_id)
        self.release(tx, case_id)
        tx.execute(insert(self.holds).values(case_id=case_id, reference=reference, placed_at=now))
        return None

    def release(self, tx: Connection, case_id: str) -> Refusal | None:
        """End a hold."""
        gone = tx.execute(delete(self.holds).where(self.holds.c.case_id == case_id)).rowcount
        return None if gone else refuse(core.HOLD_MISSING, id=case_id)

    def held(self, tx: Connection) -> list[dict[str, Any]]:
        """Every hold."""
        return [dict(row) for row in tx.execute(select(self.holds).order_by(self.holds.c.placed_at)).mappings()]

    def reports(self, tx: Connection, most: int) -> list[str]:
        """The newest reports."""
        return list(tx.scalars(select(self.runs.c.report).order_by(self.runs.c.at.desc()).limit(most)))

    def check(self, tx: Connection, policy: Policy, now: datetime, records: AuditLog) -> Refusal | None:
        """Whether nothing overdue remains, every report is as the audit log has it, and what is called deleted is."""
        for kind, count in self.overdue(tx, policy, now).items():
            if count:
                return refuse(core.OVERDUE, kind=kind, count=count)
        kept = {row.digest: row.report for row in tx.execute(select(self.runs))}
        for digest, report in kept.items():
            if core.digest_of(report) != digest:
                return refuse(core.RUN_CHANGED, run=digest)
        recorded = set(tx.scalars(select(records.records.c.subject).where(records.records.c.action == ACTION)))
        for code, odd in ((core.RUN_UNRECORDED, kept.keys() - recorded), (core.RUN_MISSING, recorded - kept.keys())):
            if odd:
                return refuse(code, run=min(odd))
        return self._texts_left(tx)

    def _texts_left(self, tx: Connection) -> Refusal | None:
        cases = self.cases.cases.c
        for case_id in tx.scalars(select(cases.case_id).where(cases.forgotten_at.is_not(None))).all():
            case = self.cases.load(tx, case_id)
            if case and not all(not text or is_forgotten(text) for text in _texts(case)):
                return refuse(core.TEXT_LEFT, id=case_id)
        return None

    def _delete(self, tx: Connection, kind: _Kind, before: datetime, now: datetime) -> Deleted | None:
        found = tx.execute(kind.overdue(before).limit(kind.most)).all()
        if not found:
            return None
        kind.delete(tx, found, now)
        return Deleted(kind.name, len(found), before, core.hash_ids(found))

    def _keep(self, tx: Connection, run: Run, record: Record) -> Run | None:
        if not run.deleted:
            return None
        tx.execute(insert(self.runs).values(digest=run.digest(), at=run.at, report=run.text()))
        record(tx, run)
        return run

    def _over(self, before: datetime) -> Select[Any]:
        """Cases with their texts and without a hold that are over for us since before that moment."""
        cases = self.cases.cases.c
        left = not_(self.cases.is_party(self._party)) if self._party else false()
        steps = self.cases.steps.c
        last = (steps.case_id == cases.case_id) & (steps.version == cases.version)
        query = select(cases.case_id).join_from(self.cases.cases, self.cases.steps, last)
        due = query.where(or_(cases.state == State.CLOSED.value, left), cases.forgotten_at.is_(None), steps.at < before)
        return due.where(cases.case_id.not_in(select(self.holds.c.case_id))).order_by(cases.case_id)

    def _forget(self, tx: Connection, ids: Ids, now: datetime) -> None:
        for each in ids:
            self.cases.forget(tx, each.case_id, now)


def recorded_in(records: AuditLog, actor: str, role: str) -> Record:
    """Puts a run into the audit log: who, and the hash of its report."""
    return lambda tx, run: _record(tx, run, records, actor, role)


def _record(tx: Connection, run: Run, records: AuditLog, actor: str, role: str) -> None:
    records.append(tx, Entry(run.at, role, actor, ACTION, run.digest(), OK))


def _texts(case: Case) -> list[str]:
    texts = [case.summary, case.answer]
    for event in case.history:
        match event:
            case CaseOpened():
                texts.append(event.summary)
            case TransferRefused():
                texts.append(event.reason)
            case CaseAnswered():
                texts.append(event.answer)
    return texts


def _rows(name: str, since: Column[Any]) -> _Kind:
    """Rows that go as a whole."""
    table = since.table
    ids = list(table.primary_key.columns)
    return _Kind(name, lambda before: select(*ids).where(since < before).order_by(*ids), partial(_delete_rows, table))


def _delete_rows(table: Any, tx: Connection, ids: Ids, _now: datetime) -> None:
    tx.execute(delete(table).where(tuple_(*table.primary_key.columns).in_([tuple(each) for each in ids])))


def _values(name: str, told: Column[Any], since: Column[Any]) -> _Kind:
    """A list that is emptied in its row."""
    ids = list(told.table.primary_key.columns)
    filled = cast(told, Text) != "[]"
    return _Kind(name, lambda before: select(*ids).where(since < before, filled).order_by(*ids), partial(_empty, told))


def _empty(told: Column[Any], tx: Connection, ids: Ids, _now: datetime) -> None:
    table: Any = told.table
    named = tuple_(*table.primary_key.columns).in_([tuple(each) for each in ids])
    tx.execute(update(table).where(named).values({told.name: []}))


def _run_table(metadata: MetaData) -> Table:
    return Table(
        "retention_runs",
        metadata,
        Column("digest", String(64), primary_key=True),  # of the report; the audit log holds it too
        Column("at", UtcDateTime, nullable=False, index=True),
        Column("report", Text, nullable=False),
    )


def _hold_table(metadata: MetaData) -> Table:
    return Table(
        "retention_holds",
        metadata,
        Column("case_id", String(64), primary_key=True),
        Column("reference", String(64), nullable=False),  # of the file in which the reason stands
        Column("placed_at", UtcDateTime, nullable=False),
    )
