"""Findings of the doctor between the core and protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from ..api.doctor.v1 import doctor_pb2 as pb
from ..core.doctor.model import Check, Level
from .times import to_timestamp

_LEVEL_OUT: Final = {level: pb.CheckLevel.Value(f"CHECK_LEVEL_{level.name}") for level in Level}
_LEVEL_IN: Final = {wire: level for level, wire in _LEVEL_OUT.items()}


def findings_to_wire(member: str, at: datetime, checks: Sequence[Check]) -> pb.ExamineResponse:
    """Findings as they travel."""
    told = [pb.Check(name=it.name, level=_LEVEL_OUT[it.level], code=it.code, params=it.params) for it in checks]
    return pb.ExamineResponse(member=member, at=to_timestamp(at), checks=told)


def findings_from_wire(checks: Iterable[pb.Check]) -> list[Check]:
    """Findings as they were told; a level that we do not know counts as a warning."""
    return [Check(it.name, _LEVEL_IN.get(it.level, Level.WARNING), it.code, dict(it.params)) for it in checks]
