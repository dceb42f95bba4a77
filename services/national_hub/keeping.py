"""Gives what the hub alone decides to members to keep: lives of units, the ministry's policy, which operators count.

Rule served: a hub that is put back to a backup loses no decision that a member has heard of. Each record is signed, so that whoever hands
it back is not trusted; it goes through the outbox in the unit of work that changed it. A member that has not handed back what it keeps
since a restore is given nothing: it would put what the hub remembers in the place of what it has forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters.signing.documents import sign
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import records_pb2 as pb
from twelve333.core.audit.witnesses import witnesses_of
from twelve333.core.coverage.history import Standing
from twelve333.core.registration.model import Unit
from twelve333.wire.documents import document_to_wire
from twelve333.wire.life import policy_to_wire
from twelve333.wire.records import POLICY, operators_to_wire, unit_to_wire

from .context import HubContext
from .store import life, unit_history
from .store import registration as store
from .store.certificates import revoked_names
from .store.holders import holders
from .store.records import records

PURPOSE: Final = "record"
EVENT_BYTES_MAX: Final = 128 * 1024


def give_units(hub: HubContext, tx: Connection, codes: Iterable[str], now: datetime) -> None:
    """Give the lives of units, as they are now."""
    wanted = set(codes)
    units = [unit for unit in store.load_units(tx) if unit.code in wanted]
    histories: dict[str, list[Standing]] = {}
    for standing in unit_history.load_standings(tx, wanted):
        histories.setdefault(standing.code, []).append(standing)
    made = {unit: _made(hub, tx, _life(tx, unit, histories.get(unit.code, [])), now) for unit in units}
    names = keeping_members(tx)
    keeping = {unit.code: keepers(unit, names) for unit in units}
    for member in names:
        _tell(hub, tx, member, [document for unit, document in made.items() if member in keeping[unit.code]], now)


def give_policy(hub: HubContext, tx: Connection, now: datetime) -> None:
    """Give the ministry's policy."""
    _to_everybody(hub, tx, pb.KeptRecord(name=POLICY, policy=policy_to_wire(life.load_policy(tx))), now)


def give_operators(hub: HubContext, tx: Connection, now: datetime) -> None:
    """Give what was decided about operators."""
    _to_everybody(hub, tx, operators_to_wire(holders.list(tx)), now)


def give_all(hub: HubContext, tx: Connection, member: str, now: datetime) -> None:
    """Give a member everything that it is to keep: it is new, or has just handed back what it kept."""
    names = keeping_members(tx)
    others = {unit.code for unit in store.load_units(tx) if member not in keepers(unit, names)}
    _append(hub, tx, member, [document for name, document in records.all(tx).items() if name not in others], now)


async def give_first(hub: HubContext) -> None:
    """At the first start of a program that gives records: make them all.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE.
    """

    def work(tx: Connection) -> None:
        now = hub.clock()
        if not records.version(tx, POLICY):
            give_units(hub, tx, [unit.code for unit in store.load_units(tx)], now)
            give_policy(hub, tx, now)
            give_operators(hub, tx, now)

    await hub.database.write(work)


def keeping_members(tx: Connection) -> list[str]:
    """The members that may be given something: those whose key counts."""
    _, revoked = revoked_names(tx)
    return [name for name in store.member_names(tx) if name not in revoked]


def keepers(unit: Unit, names: Collection[str]) -> frozenset[str]:
    """Which of the members keep a unit's life: its province, who serves it, and two others that follow from its code."""
    return frozenset({unit.province, unit.member} & {*names} | {*witnesses_of(unit.code, names)})


def _life(tx: Connection, unit: Unit, history: Sequence[Standing]) -> pb.KeptRecord:
    return unit_to_wire(unit.code, life.load_steps(tx, unit.code), life.load_evidence(tx, unit.code), history)


def _made(hub: HubContext, tx: Connection, record: pb.KeptRecord, now: datetime) -> common_pb2.SignedDocument:
    """Sign a record, and keep it ourselves: so we know which one is the last."""
    version = max(records.version(tx, record.name) + 1, int(now.timestamp() * 1000))
    document = document_to_wire(sign(record.SerializeToString(deterministic=True), PURPOSE, version, hub.documents))
    records.save(tx, record.name, document)
    return document


def _to_everybody(hub: HubContext, tx: Connection, record: pb.KeptRecord, now: datetime) -> None:
    document = _made(hub, tx, record, now)
    for member in keeping_members(tx):
        _tell(hub, tx, member, [document], now)


def _tell(hub: HubContext, tx: Connection, member: str, documents: Sequence[common_pb2.SignedDocument], now: datetime) -> None:
    if not hub.recovery.awaits(member):
        _append(hub, tx, member, documents, now)


def _append(hub: HubContext, tx: Connection, member: str, documents: Sequence[common_pb2.SignedDocument], now: datetime) -> None:
    """As few events as hold them."""
    event = pb.RecordsGiven()
    for document in documents:
        if event.documents and event.ByteSize() + document.ByteSize() > EVENT_BYTES_MAX:
            hub.outbox.append(tx, destination=member, message=event, now=now)
            event = pb.RecordsGiven()
        event.documents.append(document)
    if event.documents:
        hub.outbox.append(tx, destination=member, message=event, now=now)
