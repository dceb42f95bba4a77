"""`twelve333 node alarms`, `twelve333 hub alarms`: everything that an operator must look at, in one list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..catalogue.catalogue import sentence
from ..core.delivery.status import Alarm
from ..core.ids import HUB
from .common import Common, connect
from .output import print_line, show, show_one

if TYPE_CHECKING:
    from ..client.registration import MemberStanding

ALARM_COLUMNS = ("member", "code", "detail", "count", "first_at", "last_at")


async def alarms(*, common: Common = Common()) -> None:
    """List all alarms there are: where each was raised, whom it is about, how often it happened; at the hub also what members told."""
    async with connect(common) as member:
        status = await member.delivery.status()
        standings = await member.registration.member_standings() if status.member == HUB else []
    rows = [{"at": status.member, **alarm_values(each)} for each in status.alarms]
    rows += [told for standing in standings for told in _told(standing)]
    if rows or common.json:
        show(rows, ("at", *ALARM_COLUMNS), as_json=common.json, title=sentence("DELIVERY_ALARMS_TITLE", {}, common.language))
    else:
        print_line(sentence("DELIVERY_ALARMS_NONE", {}, common.language))


async def clear_alarms(about: str, *, common: Common = Common()) -> None:
    """Forget the alarms about one member, once you have looked at them.

    Args:
        about: the member: `hub` or a province code.
    """
    async with connect(common) as member:
        cleared = await member.delivery.clear_alarms(about)
    show_one({"member": about, "cleared": cleared}, as_json=common.json)


def alarm_values(alarm: Alarm) -> dict[str, Any]:
    """An alarm as plain values, in the order of `ALARM_COLUMNS`."""
    when = {"first_at": alarm.first_at.isoformat(timespec="seconds"), "last_at": alarm.last_at.isoformat(timespec="seconds")}
    return {"member": alarm.member, "code": alarm.code, "detail": alarm.detail, "count": alarm.count} | when


def _told(standing: MemberStanding) -> list[dict[str, Any]]:
    """What a member told of its directory: alarms there, about the hub."""
    ours = [Alarm(HUB, each.code, "", each.count, each.first_at, each.last_at) for each in standing.alarms]
    return [{"at": standing.member, **alarm_values(each)} for each in ours]
