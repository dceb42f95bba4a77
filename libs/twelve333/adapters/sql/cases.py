"""Where a member keeps its replicas of cases: the present state, every step, and steps that wait for their predecessor.

Hub and node keep cases alike, so the tables and what is done with them are here once; each service gives its own metadata.
The steps are the truth; the row of a case is what they add up to, kept so that listings need not replay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, MetaData, Select, and_, delete, func, insert, or_, select, union, update

from twelve333.api.cases.v1 import cases_pb2, events_pb2
from twelve333.core.cases import codes
from twelve333.core.cases.forgetting import forgotten
from twelve333.core.cases.mending import Facts, Mended, Returned, mend
from twelve333.core.cases.messages import Arrived, CaseEvent
from twelve333.core.cases.model import Case, CaseFilter, State
from twelve333.core.cases.replica import HELD_MAX, Settled, settle
from twelve333.core.decision import Refused, refuse
from twelve333.wire.cases import arrived_from_wire, step_from_wire

from .cases_tables import case_of, case_table, case_values, held_table, held_values, step_table, step_values
from .fields import protect, reveal

PAGE_SIZE: Final = 100
PAGE_SIZE_MAX: Final = 1000
RETURNED_AT_ONCE: Final = 200  # cases looked at for one answer to a restored member


class CaseStore:
    """The tables of one service and plain functions on them; each takes the connection of a unit of work."""

    def __init__(self, metadata: MetaData) -> None:
        self.cases = case_table(metadata)
        self.steps = step_table(metadata)
        self.held = held_table(metadata)

    def load(self, tx: Connection, case_id: str, *, lock: bool = False) -> Case | None:
        """One case with its whole history, or None.

        Args:
            case_id: which.
            lock: hold the row until the end of the unit of work, when it is going to be changed.
        """
        query = select(self.cases).where(self.cases.c.case_id == case_id)
        row = tx.execute(query.with_for_update() if lock else query).mappings().first()
        if row is None:
            return None
        columns = self.steps.c
        query = select(columns.case_id, columns.version, columns.step).where(columns.case_id == case_id).order_by(columns.version)
        steps = [reveal(tx, self.steps, kept)["step"] for kept in tx.execute(query).mappings()]
        return case_of(reveal(tx, self.cases, row), tuple(step_from_wire(cases_pb2.CaseStep.FromString(data)) for data in steps))

    def keep(self, tx: Connection, case: Case, taken: tuple[CaseEvent, ...]) -> None:
        """Keep the state of a case and the steps that led to it from what was kept before."""
        if not taken:
            return
        values = protect(tx, self.cases, case_values(case) | {"forgotten_at": None}, case_id=case.case_id)
        if taken[0].stamp.version == 1:
            tx.execute(insert(self.cases).values(case_id=case.case_id, **values))
        else:
            tx.execute(update(self.cases).where(self.cases.c.case_id == case.case_id).values(**values))
        tx.execute(insert(self.steps), [protect(tx, self.steps, step_values(event)) for event in taken])

    def forget(self, tx: Connection, case_id: str, now: datetime) -> None:
        """Delete what people wrote in a case and its steps; the rest stays. Steps that wait for their predecessor go as a whole."""
        case = self.load(tx, case_id, lock=True)
        if case is None:
            return
        left = forgotten(case)
        values = protect(tx, self.cases, {"summary": left.summary, "answer": left.answer}, case_id=case_id)
        tx.execute(update(self.cases).where(self.cases.c.case_id == case_id).values(**values, forgotten_at=now))
        for row in (protect(tx, self.steps, step_values(event)) for event in left.history):
            named = (self.steps.c.case_id == case_id) & (self.steps.c.version == row["version"])
            tx.execute(update(self.steps).where(named).values(step=row["step"]))
        tx.execute(delete(self.held).where(self.held.c.case_id == case_id))

    def receive(self, tx: Connection, arrived: Arrived, now: datetime) -> Settled:
        """Take a step that another member decided, and everything that had waited for it.

        Raises:
            Refused: CASES_NOT_THE_AUTHOR, CASES_OUT_OF_TURN, CASES_FORKED, CASES_STEP_MALFORMED, CASES_HELD_FULL.
        """
        case_id = arrived.event.stamp.case_id
        before = self._held_for(tx, case_id)
        settled = settle(self.load(tx, case_id, lock=True), arrived, before)
        if not isinstance(settled, Settled):
            raise Refused(settled)
        if settled.case:
            self.keep(tx, settled.case, settled.kept)
        if settled.held != before:
            self._hold(tx, case_id, settled.held, now)
        return settled

    def mend(self, tx: Connection, returned: Returned, facts: Facts, now: datetime) -> Mended:
        """Take steps that another member returned, in the place of later ones of the same author if there are any.

        Raises:
            Refused: CASES_NOT_THE_AUTHOR, CASES_OUT_OF_TURN, CASES_FORKED, CASES_STEP_MALFORMED, CASES_HELD_FULL.
        """
        case_id = (*returned.history, *returned.waiting)[0].stamp.case_id
        case, before = self.load(tx, case_id, lock=True), self._held_for(tx, case_id)
        mended = mend(case, returned, facts, before)
        if not isinstance(mended, Mended):
            raise Refused(mended)
        if mended.gave_way:
            tx.execute(delete(self.steps).where(self.steps.c.case_id == case_id, self.steps.c.version > mended.stands))
        if mended.gave_way and mended.stands == 0:
            tx.execute(delete(self.cases).where(self.cases.c.case_id == case_id))
        if mended.case:
            self.keep(tx, mended.case, mended.kept)
        if mended.held != before:
            self._hold(tx, case_id, mended.held, now)
        return mended

    def returnable(self, tx: Connection, author: str, since: datetime, after: str) -> tuple[list[Returned], str]:
        """What is held of `author`'s steps of that moment and later, some cases at a time.

        Args:
            author: the member that took them.
            since: by the author's clock.
            after: empty, or where the answer before ended.

        Returns:
            What to return, and the case id to go on behind; empty at the end.
        """
        ids = union(
            select(self.steps.c.case_id).where(self.steps.c.at >= since, self.steps.c.case_id > after),
            select(self.held.c.case_id).where(self.held.c.origin == author, self.held.c.case_id > after),
        )
        chosen = list(tx.scalars(ids.order_by("case_id").limit(RETURNED_AT_ONCE)))
        held = [self._returned(tx, case_id, author, since) for case_id in chosen]
        return [each for each in held if each], chosen[-1] if len(chosen) == RETURNED_AT_ONCE else ""

    def _returned(self, tx: Connection, case_id: str, author: str, since: datetime) -> Returned | None:
        case = self.load(tx, case_id)
        history = case.history if case else ()
        waiting = tuple(one.event for one in self._held_for(tx, case_id) if one.origin == author)
        asked = any(event.stamp.by.member == author and event.stamp.at >= since for event in history)
        return Returned(history, waiting) if asked or waiting else None

    def list(self, tx: Connection, wanted: CaseFilter, size: int, token: str) -> tuple[list[Case], str, int]:
        """Cases without history, those due first for the caller first: a page, the token of the next one, the count of all.

        Args:
            wanted: which.
            size: 1 to 1000; 0 means 100.
            token: empty, or as the page before gave it.

        Raises:
            Refused: CASES_FILTER_MALFORMED.
        """
        if size > PAGE_SIZE_MAX:
            raise Refused(refuse(codes.FILTER_MALFORMED, field="page.size", most=PAGE_SIZE_MAX))
        size, query = size or PAGE_SIZE, self._matching(wanted)
        total = tx.scalar(select(func.count()).select_from(query.subquery())) or 0
        due_at, case_id = self.cases.c.caller_due_at, self.cases.c.case_id
        if token:
            last_due, last_id = _position(token)
            query = query.where(or_(due_at > last_due, and_(due_at == last_due, case_id > last_id)))
        rows = tx.execute(query.order_by(due_at, case_id).limit(size + 1)).mappings().all()
        found = [case_of(reveal(tx, self.cases, row), ()) for row in rows[:size]]
        return found, _token(found[-1]) if len(rows) > size else "", total

    def to_follow(self, tx: Connection, member: str, served: Collection[str], most: int) -> Sequence[Case]:
        """Cases without history that are with a unit at `member` which is not among those it serves, or come to one from the same unit.

        An open case is with its owner, an answered one with the unit asked first.

        Args:
            member: whose replica this is.
            served: units that it serves.
            most: how many at once.
        """
        c = self.cases.c
        open_here = and_(c.owner_member == member, c.owner_unit.not_in(served), c.state.in_([State.OPEN.value, State.ACCEPTED.value]))
        is_answered = c.state.in_([State.ANSWERED.value, State.TOLD.value])
        answered_here = and_(c.first_member == member, c.first_unit.not_in(served), is_answered, c.pending_unit.is_(None))
        offered = and_(c.pending_member == member, or_(c.pending_unit == c.owner_unit, c.pending_unit.not_in(served), is_answered))
        rows = tx.execute(select(self.cases).where(or_(open_here, answered_here, offered)).order_by(c.case_id).limit(most)).mappings()
        return [case_of(reveal(tx, self.cases, row), ()) for row in rows]

    def _matching(self, wanted: CaseFilter) -> Select[Any]:
        columns, query = self.cases.c, select(self.cases)
        pairs = (
            (columns.owner_unit, wanted.owner_unit),
            (columns.first_unit, wanted.first_asked_unit),
            (columns.pending_unit, wanted.offered_to_unit),
        )
        for column, value in pairs:
            query = query.where(column == value) if value else query
        if wanted.state:
            query = query.where(columns.state == wanted.state.value)
        if wanted.overdue_at:
            told, answered = [State.TOLD.value, State.CLOSED.value], [State.ANSWERED.value, State.TOLD.value, State.CLOSED.value]
            caller = and_(columns.caller_due_at < wanted.overdue_at, columns.state.not_in(told))
            query = query.where(or_(caller, and_(columns.owner_due_at < wanted.overdue_at, columns.state.not_in(answered))))
        return query.where(self.is_party(wanted.party)) if wanted.overdue_at and wanted.party else query

    def is_party(self, member: str) -> ColumnElement[bool]:
        """Whether a member is asked first, owns the case or is offered something of it: who is not is told of no further step."""
        c = self.cases.c
        return or_(*(column == member for column in (c.first_member, c.owner_member, func.coalesce(c.pending_member, ""))))

    def _held_for(self, tx: Connection, case_id: str) -> tuple[Arrived, ...]:
        query = select(self.held).where(self.held.c.case_id == case_id).order_by(self.held.c.version, self.held.c.origin)
        rows = [reveal(tx, self.held, row) for row in tx.execute(query).mappings()]
        return tuple(arrived_from_wire(events_pb2.CaseStepTaken.FromString(row["taken"]), row["origin"]) for row in rows)

    def _hold(self, tx: Connection, case_id: str, waiting: tuple[Arrived, ...], now: datetime) -> None:
        tx.execute(delete(self.held).where(self.held.c.case_id == case_id))
        if not waiting:
            return
        if (tx.scalar(select(func.count()).select_from(self.held)) or 0) + len(waiting) > HELD_MAX:
            raise Refused(refuse(codes.HELD_FULL, most=HELD_MAX))
        tx.execute(insert(self.held), [protect(tx, self.held, held_values(arrived, now)) for arrived in waiting])


def _token(case: Case) -> str:
    return f"{case.caller_due.at.isoformat()}|{case.case_id}"


def _position(token: str) -> tuple[datetime, str]:
    moment, _, case_id = token.partition("|")
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not case_id:
        raise Refused(refuse(codes.FILTER_MALFORMED, field="page.token", most=PAGE_SIZE_MAX))
    return at, case_id
