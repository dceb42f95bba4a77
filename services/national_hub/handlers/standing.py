"""How members stand with roots and directory: kept as each tells it, listed for operators, and asked before a root is exchanged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.sql.delivery import Inbound
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.registration.v1 import registration_pb2 as pb
from twelve333.core.ids import HUB
from twelve333.wire.times import to_timestamp

from ..store import registration
from ..store.certificates import revoked_names
from ..store.standing import StandingRow, load_standings, save_standing

STANDING = pb.MemberStanding.DESCRIPTOR.full_name

log = logger("registration")
_alarms = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.member_alarms", unit="{alarm}", description="alarms about the directory that members told, by code"
)


def take_standing(tx: Connection, event: Inbound, now: datetime) -> None:
    """Keep what a member tells of itself; an alarm that it did not tell before is one for the ministry too."""
    told = pb.MemberStanding.FromString(event.message)
    row = load_standings(tx).get(event.origin)
    before = {each.code: each.count for each in pb.MemberStanding.FromString(row.standing).alarms} if row else {}
    for alarm in told.alarms:
        if alarm.count > before.get(alarm.code, 0):
            _alarms.add(alarm.count - before.get(alarm.code, 0), {"code": alarm.code[:64], "member": event.origin})
            log.error("alarm about the directory at a member", member=event.origin, code=alarm.code[:64], count=alarm.count)
    save_standing(tx, StandingRow(event.origin, now, event.message))


def list_standings(tx: Connection) -> list[pb.MemberStanding]:
    """How each member stands; those whose key is revoked are left out, they are waited for by nobody."""
    told, (_, revoked) = load_standings(tx), revoked_names(tx)
    names = [name for name in registration.member_names(tx) if name not in revoked and name != HUB]
    return [_standing(name, told.get(name)) for name in names]


def lacking(tx: Connection, stands: Callable[[pb.MemberStanding], bool]) -> list[str]:
    """The names of the members that do not stand so, or have not told."""
    return [each.member for each in list_standings(tx) if not stands(each)]


def _standing(name: str, row: StandingRow | None) -> pb.MemberStanding:
    if row is None:
        return pb.MemberStanding(member=name)
    told = pb.MemberStanding.FromString(row.standing)
    told.member = name
    told.told_at.CopyFrom(to_timestamp(row.told_at))
    return told
