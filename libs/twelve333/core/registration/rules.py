"""Decisions of registration: may this province join, may this unit be entered so, may its state change.

Rules: a token is good once, for one province, for a short time, and a repeat with the same key is the same request; a province
acts on its own units only; the ministry opens.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..decision import Decision, FieldViolation, Refusal, refuse
from ..ids import HUB, check_unit_code, is_province_code, province_of
from . import codes
from .messages import Join, MemberJoined, RegisterUnit, UnitChanged
from .model import JoinToken, Level, Member, Unit, UnitStatus

ENDPOINT: Final = re.compile(r"[A-Za-z0-9.\[\]:-]{1,255}:\d{1,5}")
UNIT_NAME_CHARS_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Joined:
    """What joining keeps: the token, now used, and the member."""

    token: JoinToken
    member: Member


def admit(token: JoinToken | None, provinces: Collection[str], command: Join, now: datetime) -> Decision[Joined] | Refusal:
    """Decide whether a province may join with this token.

    Args:
        token: what the hub holds under the hash of the presented secret, if anything.
        provinces: codes of the reporting bodies there are.
        command: the request.
        now: aware UTC time.
    """
    if token is None:
        return refuse(codes.TOKEN_UNKNOWN)
    if command.province not in provinces:
        return refuse(codes.PROVINCE_UNKNOWN, province=command.province[:16])
    if token.province != command.province:
        return refuse(codes.TOKEN_OTHER_PROVINCE, province=command.province)
    if token.used_by and token.used_by != command.key_fingerprint:
        return refuse(codes.TOKEN_USED)
    if not token.used_by and now >= token.expires_at:
        return refuse(codes.TOKEN_EXPIRED, expired_at=token.expires_at.isoformat(timespec="seconds"))
    if not ENDPOINT.fullmatch(command.endpoint):
        return refuse(codes.ENDPOINT_MALFORMED, endpoint=command.endpoint[:64])
    member = Member(command.province, command.endpoint, command.key_fingerprint, now)
    return Decision(Joined(replace(token, used_by=command.key_fingerprint), member), (MemberJoined(member.name),))


def register(known: Unit | None, caller: str, command: RegisterUnit) -> Decision[Unit] | Refusal:
    """Decide how a unit stands after it is entered or changed.

    Args:
        known: the unit as registered so far, if it is.
        caller: `hub` for the ministry, else the province that asks.
        command: what is to be entered.
    """
    refusal = check_unit_code(command.code) or check_owner(caller, command.code)
    if refusal:
        return refusal
    if not command.name.strip() or len(command.name) > UNIT_NAME_CHARS_MAX:
        violation = FieldViolation("name", codes.UNIT_NAME_MISSING, {"code": command.code})
        return Refusal(codes.UNIT_NAME_MISSING, {"code": command.code}, (violation,))
    if command.status is not None and caller != HUB:
        return refuse(codes.STATUS_NOT_YOURS, code=command.code)
    unit = Unit(
        code=command.code,
        name=command.name,
        province=province_of(command.code),
        parent="" if command.level is Level.PROVINCE else province_of(command.code),
        level=command.level,
        member=known.member if known else province_of(command.code),
        status=_status_after(known, command),
        with_system=command.with_system,
        silent_since=known.silent_since if known else None,
    )
    return Decision(unit, () if unit == known else (UnitChanged(unit.code, unit.status),))


def check_owner(caller: str, unit: str) -> Refusal | None:
    """Refuse to let a province act on another one's unit, or a unit's own node on another unit; `caller` is `hub` for the ministry."""
    if caller in (HUB, unit) or (is_province_code(caller) and province_of(unit) == caller):
        return None
    return refuse(codes.UNIT_NOT_YOURS, code=unit, caller=caller)


def _status_after(known: Unit | None, command: RegisterUnit) -> UnitStatus:
    if command.status is not None:
        return command.status
    if known is None or known.status is UnitStatus.PLANNED:
        return UnitStatus.REGISTERED if command.declares else UnitStatus.PLANNED
    return known.status
