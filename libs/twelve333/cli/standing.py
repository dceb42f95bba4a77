"""How members stand with roots and directory, printed: what is wrong is said in red, and on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ..catalogue.catalogue import sentence
from ..core.registration.freshness import Freshness
from ..core.routing.books import Books
from .common import Common
from .output import show, warn

if TYPE_CHECKING:
    from ..client.registration import MemberStanding, NodeStatus

COLUMNS = ("member", "directory", "confirmed_at", "certificate_root", "trusted_roots", "alarms")
CALL_COLUMNS = ("direction", "came", "placing", "waiting", "talking", "ended", "failed", "missing")
SHOWN_DIGITS = 12
OF_LATE = timedelta(days=7)


def warn_of(status: NodeStatus, now: datetime, common: Common) -> None:
    """Say that a node's directory is old, and which alarms there were of late; nothing while all is well.

    Programs read it from the JSON object, which holds all alarms there ever were, as the table does.
    """
    if common.json:
        return
    confirmed_at = status.directory_confirmed_at.isoformat(timespec="seconds") if status.directory_confirmed_at else "–"
    if status.directory_freshness in (Freshness.STALE, Freshness.OVERDUE):
        code = f"REGISTRATION_DIRECTORY_{status.directory_freshness.name}"
        warn(sentence(code, {"confirmed_at": confirmed_at}, common.language), loud=status.directory_freshness is Freshness.OVERDUE)
    for alarm in (each for each in status.directory_alarms if now - each.last_at < OF_LATE):
        params = {"code": alarm.code, "count": alarm.count, "last_at": alarm.last_at.isoformat(timespec="seconds")}
        warn(sentence("REGISTRATION_DIRECTORY_ALARM", params, common.language), loud=True)
    for books in (each for each in status.calls if each.missing > 0):
        warn(f"{sentence('ROUTING_CALLS_MISSING', {}, common.language)} [{books.words()}]", loud=True)


def show_calls(calls: Sequence[Books], common: Common) -> None:
    """Print the books of calls for a person."""
    if calls and not common.json:
        show(call_values(calls), CALL_COLUMNS, as_json=False, title=sentence("ROUTING_CALLS_TITLE", {}, common.language))


def call_values(calls: Sequence[Books]) -> list[dict[str, Any]]:
    """The books of calls as plain values, with what is missing."""
    return [{**asdict(books), "missing": books.missing} for books in calls]


def show_standings(standings: Sequence[MemberStanding], common: Common) -> None:
    """Print one line a member."""
    title = sentence("REGISTRATION_STANDINGS_TITLE", {}, common.language)
    show([standing_values(each) for each in standings], COLUMNS, as_json=False, title=title)


def standing_values(standing: MemberStanding) -> dict[str, Any]:
    """A standing as plain values."""
    return {
        "member": standing.member,
        "told_at": standing.told_at.isoformat(timespec="seconds") if standing.told_at else None,
        "directory": standing.freshness.value if standing.freshness else None,
        "confirmed_at": standing.confirmed_at.isoformat(timespec="seconds") if standing.confirmed_at else None,
        "certificate_root": standing.certificate_root[:SHOWN_DIGITS],
        "trusted_roots": [root[:SHOWN_DIGITS] for root in standing.trusted_roots],
        "alarms": [f"{each.code} ×{each.count}, {each.last_at.isoformat(timespec='seconds')}" for each in standing.alarms],
    }
