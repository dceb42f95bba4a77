"""Records that the hub gives to members to keep, between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..api.registration.v1 import records_pb2 as pb
from ..core.coverage.history import Standing
from ..core.identity import Role
from ..core.registration.holders import Holder
from ..core.registration.life import Evidence, Step
from .life import evidence_from_wire, evidence_to_wire, step_from_wire, step_to_wire
from .registration import status_from_wire, status_to_wire
from .times import from_timestamp, to_timestamp

POLICY: Final = "policy"
OPERATORS: Final = "operators"
RECOVERED: Final = "recovered"  # the reason of what was ended, which is not given away


def unit_to_wire(code: str, steps: Sequence[Step], evidence: Sequence[Evidence], history: Sequence[Standing]) -> pb.KeptRecord:
    """A unit's life as a record."""
    standings = [
        pb.UnitStanding(
            since=to_timestamp(it.since),
            status=status_to_wire(it.status),
            with_system=it.with_system,
            planned=it.planned,
            silent=it.silent,
        )
        for it in history
    ]
    told = pb.UnitRecord(code=code, steps=map(step_to_wire, steps), evidence=map(evidence_to_wire, evidence), history=standings)
    return pb.KeptRecord(name=code, unit=told)


def steps_of(record: pb.UnitRecord) -> list[Step]:
    """The steps of a record."""
    return list(map(step_from_wire, record.steps))


def evidence_of(record: pb.UnitRecord) -> list[Evidence]:
    """The evidence of a record."""
    return [it for each in record.evidence if (it := evidence_from_wire(each))]


def history_of(record: pb.UnitRecord) -> list[Standing]:
    """The history of a record; what stands in a way that we do not know is left out."""
    return [
        Standing(record.code, from_timestamp(it.since), status, it.with_system, it.planned, it.silent)
        for it in record.history
        if (status := status_from_wire(it.status))
    ]


def operators_to_wire(holders: Iterable[Holder]) -> pb.KeptRecord:
    """What was decided about operators as a record."""
    decided = [
        pb.OperatorDecided(
            name=each.name,
            key_fingerprint=each.key_fingerprint,
            since=to_timestamp(each.since),
            revoked_at=to_timestamp(each.revoked_at) if each.revoked_at else None,
        )
        for each in holders
    ]
    return pb.KeptRecord(name=OPERATORS, operators=pb.OperatorsRecord(operators=decided))


def operators_from_wire(record: pb.OperatorsRecord) -> list[Holder]:
    """The same read."""
    return [
        Holder(
            Role.OPERATOR,
            each.name,
            each.key_fingerprint,
            from_timestamp(each.since),
            from_timestamp(each.revoked_at) if each.HasField("revoked_at") else None,
            RECOVERED if each.HasField("revoked_at") else "",
        )
        for each in record.operators
    ]
