"""`twelve333 queue`: how units' queues stand at the moment, as a node knows."""

from __future__ import annotations

from datetime import UTC, datetime

from cyclopts import App

from .common import Common, connect
from .output import show, show_one

app = App(name="queue", help="How units' queues stand at the moment. Ask a node, so use a desk's or an operator's profile of it.")
COLUMNS = ("unit", "active", "free", "waiting", "wait_s", "told_at", "stale")


@app.command(name="list")
async def list_queues(*, common: Common = Common()) -> None:
    """List what the node knows; what is stale was told too long ago to count."""
    async with connect(common) as node:
        queues = await node.queues.list()
    now = datetime.now(UTC)
    rows = [
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
    show(rows, COLUMNS, as_json=common.json)


@app.command
async def report(unit: str, *, free: int, waiting: int = 0, wait_s: int = 0, active: bool = True, common: Common = Common()) -> None:
    """Tell the node how a unit's queue stands; it is believed for 5 s. Telephone systems do so through the SDK, every second or two.

    Args:
        unit: one of this node's, e.g. 350100.
        free: consultants free.
        waiting: callers waiting.
        wait_s: seconds that the next one would wait.
        active: whether the unit takes calls at all.
    """
    async with connect(common) as node:
        await node.queues.report(unit, free=free, waiting=waiting, wait_s=wait_s, active=active)
    show_one({"unit": unit, "active": active, "free": free, "waiting": waiting, "wait_s": wait_s}, as_json=common.json)
