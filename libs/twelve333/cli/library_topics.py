"""`twelve333 library topics|unmapped|map`: the classification, and entries that wait for their codes to be known."""

from __future__ import annotations

from dataclasses import asdict

from .common import Common, connect, titled
from .output import show, show_one

TOPIC_COLUMNS = ("code", "name", "status", "becomes", "rolls_up_to", "entries")
UNMAPPED_COLUMNS = ("province", "topic", "entries", "since", "examples")


async def topics(*, common: Common = Common()) -> None:
    """List the classification codes, and how many entries count under each of the ministry's."""
    async with connect(common) as replica:
        rows = [asdict(one) for one in await replica.library_topics.list()]
    show(rows, TOPIC_COLUMNS, as_json=common.json, title=titled("CODES", common, count=len(rows)))


async def unmapped(*, common: Common = Common()) -> int:
    """List the codes that nobody knows and the entries that wait for them (hub); exit code 8 if there are any."""
    async with connect(common) as hub:
        rows = [asdict(one) for one in await hub.library_topics.unmapped()]
    show(rows, UNMAPPED_COLUMNS, as_json=common.json, title=titled("UNMAPPED", common, count=len(rows)))
    return 8 if rows else 0


async def map_topic(topic: str, to: str, *, province: str = "", common: Common = Common()) -> None:
    """Say which code is meant by an unknown one (hub): what waited for it alone is published, and later imports are mapped the same way.

    Args:
        topic: the unknown code, as `library unmapped` shows it.
        to: the code in use that is meant.
        province: only for entries of this province; for all if absent.
    """
    async with connect(common) as hub:
        done = await hub.library_topics.map(topic, to, province=province)
    show_one({"topic": topic, "to": to, **asdict(done)}, as_json=common.json)
