"""`twelve333 route`: where a call would go, and why."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..core.decision import Code, Kind, Refused, refuse
from ..core.routing.model import LastResort, Route
from ..core.routing.replay import WhatIf
from ..core.worktime.model import CHINA
from .common import Common, Count, connect, start_of
from .coverage import candidate_values
from .output import console, print_json, show
from .policy import app as policy_app
from .policy_file import read_policy
from .room import room_values, room_words
from .typed_times import in_china

app = App(
    name="route",
    help="Where a call would go, and why: every unit that was considered, with the verdict on it. Ask a node: explain with a desk's "
    "profile, replay with an operator's; policy asks the hub.",
)

app.command(policy_app)
REPLAY_WHAT = Code("CLI_ROUTE_REPLAY_WHAT", Kind.INVALID)


@app.command
async def explain(
    region: str,
    *,
    topic: str = "",
    language: str = "",
    caller_region: str = "",
    visited: list[str] | None = None,
    priority: Count = 0,
    draw: float | None = None,
    at: datetime | None = None,
    common: Common = Common(),
) -> int:
    """Decide without doing anything; exit code 5 if no unit can take the call.

    Args:
        region: GB/T 2260 code of the place asked about, e.g. 350100.
        topic: classification code, e.g. 0102.
        language: tag such as zh or ug.
        caller_region: where the caller rings from, e.g. 360400.
        visited: unit where the call was already; may be given up to five times.
        priority: 0 (usual) to 9.
        draw: the number from 0 to below 1 that decides between weights; drawn if absent.
        at: as if it were then, e.g. 2014-01-24T10:00:00+08:00; without a zone it is Chinese official time. Now if absent.
    """
    async with connect(common) as node:
        route = await node.routing.explain(
            region,
            topic=topic,
            language=language,
            caller_region=caller_region,
            visited=visited or (),
            priority=priority,
            draw=draw,
            at=in_china(at) if at else None,
        )
    if common.json:
        print_json(route_values(route, common.language))
    else:
        show_route(route, common.language)
    return 0 if route.to_try else 5


@app.command
async def replay(
    handoff: str = "",
    *,
    policy: Path | None = None,
    calls: Literal["last-month", "last-week"] | None = None,
    since: date | None = None,
    until: date | None = None,
    common: Common = Common(),
) -> int:
    """Decide again: one handoff from what was kept of it (5 if something else comes out), or past calls by rules that are proposed.

    Args:
        handoff: id of a handoff that this node placed.
        policy: instead, a file with rules of a unit (see `route policy schema`): what they would change, per hour, topic and unit.
        calls: those of the calendar month, or of the week from Monday on, that ended last.
        since: instead, calls from that day on, e.g. 2014-03-01; the last 31 days if neither is said.
        until: calls before that day.
    """
    if bool(handoff) == (policy is not None) or (calls and (since or until)):
        raise Refused(refuse(REPLAY_WHAT))
    if calls:
        since, until = _days_of(calls, datetime.now(CHINA).date())
    async with connect(common) as node:
        if policy:
            return _show_changes(await node.routing.compare(read_policy(policy), since=start_of(since), until=start_of(until)), common)
        kept, again, same = await node.routing.replay(handoff)
    if common.json:
        print_json({"same": same, "kept": route_values(kept, common.language), "again": route_values(again, common.language)})
    else:
        show_route(kept, common.language)
        console.print(sentence("ROUTING_REPLAY_SAME" if same else "ROUTING_REPLAY_DIFFERS", {}, common.language))
    return 0 if same else 5


def _days_of(calls: Literal["last-month", "last-week"], today: date) -> tuple[date, date]:
    """The first day of what ended last, and the first one after it."""
    if calls == "last-week":
        until = today - timedelta(days=today.weekday())
        return until - timedelta(days=7), until
    until = today.replace(day=1)
    return (until - timedelta(days=1)).replace(day=1), until


def _show_changes(found: WhatIf, common: Common) -> int:
    rows = [
        {"hour": each.hour, "topic": each.topic, "before": each.before, "after": each.after, "calls": each.calls} for each in found.changes
    ]
    if common.json:
        print_json({"calls": found.calls, "changes": rows})
        return 0
    show(rows, ("hour", "topic", "before", "after", "calls"), as_json=False)
    changed = sum(each.calls for each in found.changes)
    console.print(sentence("ROUTING_COMPARED", {"changed": changed, "calls": found.calls}, common.language))
    return 0


def show_route(route: Route, locale: str) -> None:
    """Print a route for a person."""
    rows = [candidate_values(each, locale) for each in route.candidates]
    show(rows, ("unit", "member", "relation", "verdict", "rule", "why"), as_json=False)
    for line in room_words(route, locale):
        console.print(line)
    values = {"last": last_resort_words(route.last_resort, locale), "version": route.version}
    console.print(sentence("ROUTING_EXPLAINED", values, locale))


def route_values(route: Route, locale: str) -> dict[str, Any]:
    """A route as plain values."""
    return {
        "region": route.call.region,
        "topic": route.call.topic or None,
        "language": route.call.language,
        "chosen": route.to_try[0].unit if route.to_try else None,
        "candidates": [candidate_values(each, locale) | room_values(route, each.unit) for each in route.candidates],
        "last_resort": {"kind": route.last_resort.kind.value, "unit": route.last_resort.unit or None},
        "draw": route.call.draw,
        "directory_version": route.version,
        "calendar_version": route.calendar or None,
        "policies": dict(route.policies),
        "decided_at": route.decided_at.isoformat(),
    }


def last_resort_words(last_resort: LastResort, locale: str) -> str:
    """A last resort in words."""
    return sentence(f"ROUTING_LAST_RESORT_{last_resort.kind.name}", {"unit": last_resort.unit}, locale)
