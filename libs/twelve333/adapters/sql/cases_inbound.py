"""What a member does with a step of a case that another member decided: the same at hub and node."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from opentelemetry import metrics
from sqlalchemy import Connection

from ...api.cases.v1 import events_pb2
from ...wire.cases import arrived_from_wire
from ..telemetry.logs import logger
from .cases import CaseStore
from .inbox import Applier, Inbound

STEP_TAKEN: Final = events_pb2.CaseStepTaken.DESCRIPTOR.full_name

_log = logger("twelve333.cases")
_meter = metrics.get_meter("twelve333.cases")
_told = _meter.create_counter("twelve333.cases.steps_told", description="steps of other members that entered a history here, by kind")
_dropped = _meter.create_counter("twelve333.cases.steps_dropped", description="steps that had waited and broke the contract")


def told_steps(store: CaseStore) -> Applier:
    """The applier of `CaseStepTaken` for one service.

    Raises:
        Refused: when applied: CASES_NOT_THE_AUTHOR, CASES_OUT_OF_TURN, CASES_FORKED, CASES_STEP_MALFORMED, CASES_HELD_FULL.
    """

    def take(tx: Connection, inbound: Inbound, now: datetime) -> None:
        arrived = arrived_from_wire(events_pb2.CaseStepTaken.FromString(inbound.message), inbound.origin)
        settled = store.receive(tx, arrived, now)
        for event in settled.kept:
            _told.add(1, {"step": type(event).__name__})
        for refusal in settled.dropped:
            _dropped.add(1, {"code": refusal.code.name})
            _log.warning("held step dropped", code=refusal.code.name, case_id=inbound.key, origin=inbound.origin)

    return take
