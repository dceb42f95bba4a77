"""`twelve333 hub parked` and `twelve333 node parked`: events that could not be applied, and what to do with them.

What an event says is never printed: it may be personal. Its type, what it is about and why it failed are.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from cyclopts import App

from ..catalogue.catalogue import sentence
from ..client.connection import ServiceError
from ..client.delivery import DeliveryClient
from ..core.delivery.codes import PARKED_EARLIER
from ..core.delivery.parked import ParkedEvent
from .common import Common, Count, connect
from .output import show, show_one

COLUMNS: Final = ("origin", "event_id", "type", "key", "code", "parked_at", "retries")
FAILED: Final = 5


def parked_app() -> App:
    """The group, to be hung into a service's own."""
    app = App(name="parked", help="Events that could not be applied and were set aside: look, try again, or give up.")
    for command in (list_events, show_event, retry, drop):
        app.command(command, name=command.__name__.removesuffix("_events").removesuffix("_event"))
    return app


async def list_events(*, origin: str = "", most: Count = 100, common: Common = Common()) -> None:
    """List what was set aside, by origin and number.

    Args:
        origin: only of this member: `hub` or a province code.
        most: at most so many, up to 1000.
    """
    async with connect(common) as member:
        events, total = await member.delivery.parked(origin, most)
    title = sentence("DELIVERY_PARKED_TITLE", {"total": str(total)}, common.language)
    show([_values(event) for event in events], COLUMNS, as_json=common.json, title=title)


async def show_event(origin: str, event_id: str, *, common: Common = Common()) -> None:
    """Show one: everything but what it says.

    Args:
        origin: member that told it.
        event_id: as `parked list` shows it.
    """
    async with connect(common) as member:
        event = await member.delivery.parked_event(origin, event_id)
    show_one(_values(event), as_json=common.json)


async def retry(origin: str = "", event_id: str = "", *, common: Common = Common()) -> int:
    """Apply again what failed: one event, all of one origin, or everything; in the order in which it was told.

    Args:
        origin: member that told it; all members if left out.
        event_id: as `parked list` shows it; all of the origin's if left out.
    """
    async with connect(common) as member:
        if event_id:
            wanted = [(origin, event_id)]
        else:
            wanted = [(each.origin, each.event_id) for each in (await member.delivery.parked(origin, 1000))[0]]
        rows = [await _retried(member.delivery, *named, alone=bool(event_id)) for named in wanted]
    show(rows, ("origin", "event_id", "applied", "code"), as_json=common.json)
    return 0 if all(row["applied"] for row in rows) else FAILED


async def drop(origin: str, event_id: str, *, common: Common = Common()) -> None:
    """Give one up for ever: it will never be applied here.

    Args:
        origin: member that told it.
        event_id: as `parked list` shows it.
    """
    async with connect(common) as member:
        show_one(_values(await member.delivery.drop_parked(origin, event_id)), as_json=common.json)


async def _retried(delivery: DeliveryClient, origin: str, event_id: str, *, alone: bool) -> dict[str, Any]:
    """What came of one; among many, one that has to wait for an earlier one is no reason to stop."""
    try:
        code = await delivery.retry_parked(origin, event_id)
    except ServiceError as error:
        if alone or error.code != PARKED_EARLIER.name:
            raise
        code = error.code
    return {"origin": origin, "event_id": event_id, "applied": not code, "code": code}


def _values(event: ParkedEvent) -> dict[str, Any]:
    values = asdict(event)
    for name in ("occurred_at", "parked_at", "retried_at"):
        values[name] = values[name].isoformat(timespec="seconds") if values[name] else None
    return values
