"""`twelve333 queue`: how units' queues stand at the moment, who holds slots of whom, and how many calls a minute are admitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..core.decision import Code, Kind, Refused, refuse
from ..core.routing.model import Queue
from ..core.routing.rates import Share
from ..wire.slots import Shown
from .common import Common, Count, connect
from .output import print_json, show, show_one

app = App(
    name="queue",
    help="How units' queues stand at the moment, slots and rates. Ask a node, so use a desk's or an operator's profile of it.",
)
COLUMNS: Final = ("unit", "active", "free", "waiting", "wait_s", "told_at", "stale")
SLOT_COLUMNS: Final = ("unit", "member", "part", "slots", "used", "open", "until")
RATE_COLUMNS: Final = ("unit", "topic", "per_minute", "priority", "sources")
ADMIT_MALFORMED: Final = Code("CLI_ADMIT_MALFORMED", Kind.INVALID)


@app.command(name="list")
async def list_queues(*, common: Common = Common()) -> None:
    """List what the node knows: queues (what is stale was told too long ago to count), slots held and promised, rates admitted."""
    async with connect(common) as node:
        known = await node.queues.overview()
    tables = {
        "queues": (_queues(known.queues), COLUMNS),
        "slots_held": (_slots(known.slots), SLOT_COLUMNS),
        "slots_promised": (_slots(known.promised), SLOT_COLUMNS),
        "admitted_of_us": (_rates(known.admitted), RATE_COLUMNS),
        "admitted_by_us": (_rates(known.divided), RATE_COLUMNS),
    }
    if common.json:
        print_json({name: rows for name, (rows, _) in tables.items()})
        return
    for name, (rows, columns) in tables.items():
        if rows or name == "queues":
            show(rows, columns, as_json=False, title=sentence(f"ROUTING_TITLE_{name.upper()}", {}, common.language))


@app.command
async def report(
    unit: str,
    *,
    free: Count,
    waiting: Count = 0,
    wait_s: Count = 0,
    active: bool = True,
    admit: list[str] | None = None,
    common: Common = Common(),
) -> None:
    """Tell the node how a unit's queue stands; it is believed for 5 s. Telephone systems do so through the SDK, every second or two.

    Args:
        unit: one of this node's, e.g. 350100.
        free: consultants free.
        waiting: callers waiting.
        wait_s: seconds that the next one would wait.
        active: whether the unit takes calls at all.
        admit: calls a minute that it admits from other provinces, 60, or about a topic, 03=10; may be repeated. No limit if absent.
    """
    admits = dict(map(_admitted, admit or ()))
    async with connect(common) as node:
        await node.queues.report(unit, free=free, waiting=waiting, wait_s=wait_s, active=active, admits=admits)
    told = {"unit": unit, "active": active, "free": free, "waiting": waiting, "wait_s": wait_s}
    show_one(told | ({"admits": {topic or "*": rate for topic, rate in admits.items()}} if admits else {}), as_json=common.json)


def _admitted(text: str) -> tuple[str, float]:
    """A topic and a rate from `03=10` or `60`."""
    topic, _, rate = text.rpartition("=")
    try:
        return topic, float(rate)
    except ValueError as error:
        raise Refused(refuse(ADMIT_MALFORMED, text=text[:32])) from error


def _queues(queues: Mapping[str, Queue]) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "unit": unit,
            "active": queue.active,
            "free": queue.free,
            "waiting": queue.waiting,
            "wait_s": queue.wait_s,
            "told_at": queue.at.isoformat(timespec="seconds"),
            "stale": queue.expires_at <= now,
        }
        for unit, queue in queues.items()
    ]


def _slots(shown: Iterable[Shown]) -> list[dict[str, Any]]:
    return [
        {
            "unit": each.unit,
            "member": each.member,
            **line._asdict(),
            "until": each.until.isoformat(timespec="seconds") if each.until else None,
        }
        for each in shown
        for line in each.lines
    ]


def _rates(shares: Iterable[Share]) -> list[dict[str, Any]]:
    return [
        {
            "unit": it.unit,
            "topic": it.topic or "*",
            "per_minute": round(it.per_minute, 2),
            "priority": round(it.priority, 2),
            "sources": " ".join(it.sources),
        }
        for it in shares
    ]
