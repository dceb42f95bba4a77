"""Registration between the core and protobuf."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..api.registration.v1 import registration_pb2 as pb
from ..core.registration.freshness import Freshness
from ..core.registration.model import Certificate, Level, Member, Unit, UnitStatus
from .times import from_timestamp, to_timestamp

_STATUS_OUT: Final = {
    UnitStatus.PLANNED: pb.UNIT_STATUS_PLANNED,
    UnitStatus.REGISTERED: pb.UNIT_STATUS_REGISTERED,
    UnitStatus.VERIFIED: pb.UNIT_STATUS_VERIFIED,
    UnitStatus.OPEN: pb.UNIT_STATUS_OPEN,
    UnitStatus.SUSPENDED: pb.UNIT_STATUS_SUSPENDED,
    UnitStatus.CLOSED: pb.UNIT_STATUS_CLOSED,
}
_STATUS_IN: Final = {wire: status for status, wire in _STATUS_OUT.items()}
_FRESHNESS_OUT: Final = {
    Freshness.FRESH: pb.DIRECTORY_FRESHNESS_FRESH,
    Freshness.STALE: pb.DIRECTORY_FRESHNESS_STALE,
    Freshness.OVERDUE: pb.DIRECTORY_FRESHNESS_OVERDUE,
}
_FRESHNESS_IN: Final = {wire: freshness for freshness, wire in _FRESHNESS_OUT.items()}
_LEVEL_OUT: Final = {Level.PROVINCE: pb.LEVEL_PROVINCE, Level.PREFECTURE: pb.LEVEL_PREFECTURE}
_LEVEL_IN: Final = {wire: level for level, wire in _LEVEL_OUT.items()}


def status_to_wire(status: UnitStatus) -> pb.UnitStatus.ValueType:
    """The wire form of a status."""
    return _STATUS_OUT[status]


def status_from_wire(status: pb.UnitStatus.ValueType) -> UnitStatus | None:
    """The status; None if not said, or said by a newer peer in a way we do not know."""
    return _STATUS_IN.get(status)


def level_to_wire(level: Level) -> pb.Level.ValueType:
    """The wire form of a level."""
    return _LEVEL_OUT[level]


def level_from_wire(level: pb.Level.ValueType) -> Level:
    """The level; a prefecture if not said."""
    return _LEVEL_IN.get(level, Level.PREFECTURE)


def unit_to_wire(unit: Unit) -> pb.Unit:
    """A unit as it travels."""
    return pb.Unit(
        code=unit.code,
        name=unit.name,
        province=unit.province,
        parent=unit.parent,
        level=_LEVEL_OUT[unit.level],
        member=unit.member,
        status=_STATUS_OUT[unit.status],
        with_system=unit.with_system,
        silent_since=to_timestamp(unit.silent_since) if unit.silent_since else None,
    )


def unit_from_wire(unit: pb.Unit) -> Unit:
    """A unit from the directory; a status we do not know counts as suspended, since such a unit must not be given calls."""
    return Unit(
        code=unit.code,
        name=unit.name,
        province=unit.province,
        parent=unit.parent,
        level=level_from_wire(unit.level),
        member=unit.member,
        status=status_from_wire(unit.status) or UnitStatus.SUSPENDED,
        with_system=unit.with_system,
        silent_since=from_timestamp(unit.silent_since) if unit.HasField("silent_since") else None,
    )


def member_to_wire(member: Member, encryption_key: bytes = b"", fence: int = 0, *, signs: bool = False) -> pb.Member:
    """A member as it travels, with the key to which events for it are sealed and the fence of its running copy, if it has told them."""
    return pb.Member(
        name=member.name,
        endpoint=member.endpoint,
        key_fingerprint=member.key_fingerprint,
        joined_at=to_timestamp(member.joined_at),
        encryption_key=encryption_key,
        fence=fence,
        signs=signs,
    )


def member_from_wire(member: pb.Member) -> Member:
    """A member from the directory."""
    return Member(member.name, member.endpoint, member.key_fingerprint, from_timestamp(member.joined_at))


def freshness_to_wire(freshness: Freshness) -> pb.DirectoryFreshness.ValueType:
    """The wire form of how fresh a directory is."""
    return _FRESHNESS_OUT[freshness]


def freshness_from_wire(freshness: pb.DirectoryFreshness.ValueType) -> Freshness | None:
    """How fresh a directory is; None if an older member does not say."""
    return _FRESHNESS_IN.get(freshness)


def alarm_to_wire(code: str, count: int, first_at: datetime, last_at: datetime) -> pb.DirectoryAlarm:
    """An alarm as it travels."""
    return pb.DirectoryAlarm(code=code, count=count, first_at=to_timestamp(first_at), last_at=to_timestamp(last_at))


def revocation_to_wire(certificate: Certificate) -> pb.Revocation:
    """A revoked certificate's key as the directory lists it."""
    assert certificate.revoked_at is not None  # noqa: S101 - only revoked ones are listed
    return pb.Revocation(
        member=certificate.member,
        key_fingerprint=certificate.key_fingerprint,
        revoked_at=to_timestamp(certificate.revoked_at),
        not_after=to_timestamp(certificate.not_after),
    )
