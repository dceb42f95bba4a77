"""Takes back the records that a member has kept, after the hub was put back to a backup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from google.protobuf.message import DecodeError
from sqlalchemy import Connection

from twelve333.adapters.sql.alarms import Alarms
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import records_pb2 as pb
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes
from twelve333.core.registration.records import (
    evidence_of_both,
    history_of_both,
    holder_of_both,
    is_without_step,
    steps_of_both,
    unit_after,
)
from twelve333.wire.life import policy_from_wire
from twelve333.wire.records import OPERATORS, POLICY, evidence_of, history_of, operators_from_wire, steps_of

from ..context import HubContext
from ..keeping import PURPOSE, give_operators, give_policy, give_units, keepers, keeping_members
from ..store import life, recovery, registration, unit_history
from ..store.holders import holders
from ..store.records import records

log = logger("registration")
Returned = tuple[int, pb.KeptRecord]  # the version under which it was given, and what it says


def read_records(hub: HubContext, documents: Iterable[common_pb2.SignedDocument]) -> list[Returned]:
    """Check our signature under each record.

    Raises:
        Refused: SECURITY_DOCUMENT_*, REGISTRATION_DIRECTORY_REFUSED.
    """
    found = list[Returned]()
    for document in documents:
        payload = hub.verify_own(document, PURPOSE)
        try:
            found.append((document.version, pb.KeptRecord.FromString(payload)))
        except DecodeError as error:
            raise Refused(refuse(codes.DIRECTORY_REFUSED, reason="unreadable")) from error
    return found


def recover_records(hub: HubContext, tx: Connection, returned: Sequence[Returned], now: datetime) -> int:
    """Enter what records of before the restore say and we had forgotten; how many brought something."""
    last = recovery.load_recovery(tx)
    if last is None:
        return 0
    before = [(version, record) for version, record in returned if version < int(last.began_at.timestamp() * 1000)]
    found = {record.name for version, record in before if _recover(hub, tx, version, record, last.began_at, now)}
    give_units(hub, tx, found - {POLICY, OPERATORS}, now)
    return len(found)


def name_lost_steps(hub: HubContext, tx: Connection, alarms: Alarms, member: str, now: datetime) -> None:
    """Name the units that stand elsewhere than their steps say, once the last of those who keep their lives has answered.

    Nobody had heard of the step, so it is to be decided again.

    Args:
        hub, tx, now: of the unit of work.
        alarms: the hub's.
        member: who has answered.
    """
    names = keeping_members(tx)
    waiting = {name for name in names if hub.recovery.awaits(name)} - {member}
    lost: dict[str, list[str]] = {}
    for unit in registration.load_units(tx):
        if not keepers(unit, names) & waiting and is_without_step(unit, life.load_steps(tx, unit.code)):
            lost.setdefault(unit.province, []).append(f"{unit.code} {unit.status.value}")
    for province, named in lost.items():
        alarms.give(tx, province, codes.STEPS_LOST, ", ".join(named), now)
        log.error("steps of units are lost", member=province, count=len(named))


def _recover(hub: HubContext, tx: Connection, version: int, record: pb.KeptRecord, began_at: datetime, now: datetime) -> bool:
    if record.HasField("unit"):
        return _recover_unit(tx, record.unit, now)
    if record.HasField("operators"):
        return _recover_operators(hub, tx, record.operators, began_at, now)
    ours = records.version(tx, POLICY)
    if not record.HasField("policy") or not ours < version or ours >= int(began_at.timestamp() * 1000):
        return False
    life.save_policy(tx, policy_from_wire(record.policy))
    give_policy(hub, tx, now)
    return True


def _recover_unit(tx: Connection, record: pb.UnitRecord, now: datetime) -> bool:
    unit = registration.load_unit(tx, record.code)
    if unit is None:
        return False
    steps, evidence, history = (
        life.load_steps(tx, unit.code),
        life.all_evidence(tx, unit.code),
        unit_history.load_standings(tx, [unit.code]),
    )
    merged = steps_of_both(steps, steps_of(record))
    all_evidence, all_history = evidence_of_both(evidence, evidence_of(record)), history_of_both(history, history_of(record))
    after = unit_after(unit, steps, merged)
    if after != unit:
        registration.save_units(tx, [after])
    if (tuple(steps), tuple(evidence), tuple(history)) == (merged, all_evidence, all_history):
        return False
    life.replace_steps(tx, unit.code, merged)
    life.replace_evidence(tx, unit.code, all_evidence)
    unit_history.replace_history(tx, unit.code, all_history)
    return True


def _recover_operators(hub: HubContext, tx: Connection, record: pb.OperatorsRecord, began_at: datetime, now: datetime) -> bool:
    changed = False
    for kept in operators_from_wire(record):
        ours = holders.load(tx, kept.role, kept.name)
        after = holder_of_both(ours, kept, began_at)
        if after != ours:
            holders.save(tx, after)
            changed = True
    if changed:
        give_operators(hub, tx, now)
    return changed
