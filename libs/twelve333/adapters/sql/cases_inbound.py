"""What a member does with steps of a case that other members tell it of, and how forgotten steps come back: the same at hub and node.

A member that was restored asks everybody for the steps it had taken since its backup (`ask_for_returns`); whoever holds some returns
them, a page at a time, and the member tells all concerned what came back, because they may never have heard of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from opentelemetry import metrics
from sqlalchemy import Connection

from ...api.cases.v1 import events_pb2 as pb
from ...core.audit.model import OK, Entry
from ...core.cases.mending import Facts, Mended, Returned, concerned
from ...core.cases.messages import CaseEvent
from ...core.cases.model import Case
from ...core.ids import HUB
from ...wire.cases import arrived_from_wire, returned_from_wire, returned_to_wire
from ...wire.times import from_timestamp, to_timestamp
from ..telemetry.logs import logger
from .audit import AuditLog
from .cases import CaseStore
from .delivery import Appliers, Delivery
from .inbox import Inbound

STEP_TAKEN: Final = pb.CaseStepTaken.DESCRIPTOR.full_name
CLOCK_SET_BACK: Final = timedelta(hours=1)  # steps of so long before a backup are asked for too, should a clock have been set back

_log = logger("twelve333.cases")
_meter = metrics.get_meter("twelve333.cases")
_told = _meter.create_counter("twelve333.cases.steps_told", description="steps of other members that entered a history here, by kind")
_dropped = _meter.create_counter("twelve333.cases.steps_dropped", description="steps that had waited and broke the contract")
_returned = _meter.create_counter("twelve333.cases.steps_returned", description="steps of our own that others returned after a restore")
_gave_way = _meter.create_counter("twelve333.cases.steps_gave_way", description="steps that gave way to an earlier one of the same author")


def case_appliers(store: CaseStore, delivery: Delivery, records: AuditLog | None = None) -> Appliers:
    """What to do with each event about cases."""
    returns = CaseReturns(store, delivery, records)
    return {
        STEP_TAKEN: returns.take_step,
        pb.CaseReturned.DESCRIPTOR.full_name: returns.take_returned,
        pb.CaseReturnsAsked.DESCRIPTOR.full_name: returns.answer,
        pb.CaseReturnsContinue.DESCRIPTOR.full_name: returns.ask_on,
    }


def ask_for_returns(tx: Connection, delivery: Delivery, members: Iterable[str], since: datetime, now: datetime) -> None:
    """Ask for the steps that this member had taken since a backup; part of the restore."""
    asked = pb.CaseReturnsAsked(since=to_timestamp(since - CLOCK_SET_BACK))
    for member in members:
        delivery.outbox.append(tx, destination=member, message=asked, now=now)


class CaseReturns:
    """Steps told and returned, for one service.

    Args:
        store: its cases.
        delivery: its outbox and inbox.
        records: its audit log, if it keeps one.
    """

    def __init__(self, store: CaseStore, delivery: Delivery, records: AuditLog | None) -> None:
        self._store, self._delivery, self._records = store, delivery, records

    def take_step(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `CaseStepTaken`.

        Raises:
            Refused: CASES_NOT_THE_AUTHOR, CASES_OUT_OF_TURN, CASES_FORKED, CASES_STEP_MALFORMED, CASES_HELD_FULL.
        """
        arrived = arrived_from_wire(pb.CaseStepTaken.FromString(inbound.message), inbound.origin)
        settled = self._store.receive(tx, arrived, now)
        for event in settled.kept:
            _told.add(1, {"step": type(event).__name__})
        for refusal in settled.dropped:
            _dropped.add(1, {"code": refusal.code.name})
            _log.warning("held step dropped", code=refusal.code.name, case_id=inbound.key, origin=inbound.origin)
        if settled.gave_way:
            _gave_way.add(1)
            _log.warning("steps gave way to an earlier one", case_id=inbound.key, origin=inbound.origin, count=1)
        if settled.case:
            self._tell_concerned(tx, settled.case, settled.kept, (), now)

    def take_returned(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `CaseReturned`. Raises as `CaseStore.mend`."""
        returned = returned_from_wire(pb.CaseReturned.FromString(inbound.message))
        facts = Facts(inbound.origin, self._delivery.member, self._delivery.has_told_restore(tx, inbound.origin))
        mended = self._store.mend(tx, returned, facts, now)
        if mended.case is None:
            return
        if mended.gave_way:
            self._record(tx, inbound, mended, now)
        self._tell_concerned(tx, mended.case, mended.kept, mended.gave_way, now)
        if mended.teller_is_behind:
            self._tell(tx, inbound.origin, mended.case, now)

    def answer(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `CaseReturnsAsked`."""
        asked = pb.CaseReturnsAsked.FromString(inbound.message)
        found, after = self._store.returnable(tx, inbound.origin, from_timestamp(asked.since), asked.after)
        append = partial(self._delivery.outbox.append, tx, destination=inbound.origin, now=now)
        for each in found:
            append(message=returned_to_wire(each), key=(*each.history, *each.waiting)[0].stamp.case_id)
        if after:
            append(message=pb.CaseReturnsContinue(since=asked.since, after=after))
        _log.info("cases returned to a restored member", origin=inbound.origin, count=len(found))

    def ask_on(self, tx: Connection, inbound: Inbound, now: datetime) -> None:
        """The applier of `CaseReturnsContinue`."""
        there = pb.CaseReturnsContinue.FromString(inbound.message)
        asked = pb.CaseReturnsAsked(since=there.since, after=there.after)
        self._delivery.outbox.append(tx, destination=inbound.origin, message=asked, now=now)

    def _tell_concerned(
        self, tx: Connection, case: Case, kept: tuple[CaseEvent, ...], gave_way: tuple[CaseEvent, ...], now: datetime
    ) -> None:
        us = self._delivery.member
        own = sum(event.stamp.by.member == us for event in kept)
        _returned.add(own)
        if own or gave_way:
            for member in sorted((concerned(case.history, gave_way) | {HUB}) - {us}):
                self._tell(tx, member, case, now)

    def _tell(self, tx: Connection, member: str, case: Case, now: datetime) -> None:
        message = returned_to_wire(Returned(case.history))
        self._delivery.outbox.append(tx, destination=member, message=message, key=case.case_id, now=now)

    def _record(self, tx: Connection, inbound: Inbound, mended: Mended, now: datetime) -> None:
        count, case_id = len(mended.gave_way), mended.gave_way[0].stamp.case_id
        _gave_way.add(count)
        _log.warning("steps gave way to an earlier one", case_id=case_id, origin=inbound.origin, count=count)
        if self._records is not None:
            self._records.append(tx, Entry(now, "member", inbound.origin, "cases.steps_gave_way", case_id, OK))
