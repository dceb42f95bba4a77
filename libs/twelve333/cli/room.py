"""Room at the units of a route, as it was known: what their nodes told of queues, promised of slots, and admit of calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..catalogue.catalogue import sentence
from ..core.coverage.model import Told
from ..core.routing.model import Route
from .tables import plain


def room_words(route: Route, locale: str) -> Iterator[str]:
    """Lines for a person: of each candidate, what its node told, promised and admits, and who that is."""
    for candidate in route.candidates:
        about = {"unit": candidate.unit, "member": candidate.member}
        queue, slots = route.observed.queues.get(candidate.unit), route.observed.slots.get(candidate.unit)
        if queue is not None:
            told = {"free": queue.free, "waiting": queue.waiting, "until": plain(queue.expires_at)}
            yield sentence(f"ROUTING_ROOM_QUEUE{'_STALE' if candidate.told is Told.STALE else ''}", about | told, locale)
        if slots is not None:
            yield sentence("ROUTING_ROOM_SLOTS", about | {"free": slots.free, "until": plain(slots.until)}, locale)
            for each in slots.parts:
                yield sentence("ROUTING_ROOM_PART", {"part": each.part.name, "free": each.free}, locale)
        gap = route.observed.gapped.get(candidate.unit)
        if gap is not None:
            yield sentence("ROUTING_ROOM_GAP", about | {"until": plain(gap.until)}, locale)
            yield sentence("ROUTING_ROOM_RESERVE_FREE" if gap.reserve else "ROUTING_ROOM_RESERVE_USED", {}, locale)


def room_values(route: Route, unit: str) -> dict[str, Any]:
    """The same of one unit as plain values; only what was known."""
    known: dict[str, Any] = {}
    if slots := route.observed.slots.get(unit):
        parts = [{"part": each.part.name, "free": each.free} for each in slots.parts]
        known["slots"] = {"free": slots.free, "until": slots.until.isoformat(), "parts": parts}
    if gap := route.observed.gapped.get(unit):
        known |= {"gapped_until": gap.until.isoformat(), "reserve_free": gap.reserve}
    return known
