"""Origins take turns at the inbox: the flood of one holds up another's events by its share and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from twelve333.adapters.bus import Incoming
from twelve333.adapters.bus.nats import NatsBus
from twelve333.wire.subjects import sender_of

from .conftest import WAIT_SECONDS, Member, heard

FLOOD = 1000


async def test_an_event_is_not_held_up_by_the_flood_that_came_before_it(
    members: dict[str, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, flooding, other = members["310000"], members["320000"], members["hub"]
    for origin in (flooding, other):
        await origin.tell("310000", range(1))
        await origin.until_confirmed()
    await receiver.stop()
    published = asyncio.Queue[str]()
    publish, fetch = NatsBus.publish, NatsBus.fetch

    async def noted(bus: NatsBus, messages: Sequence[tuple[str, bytes]]) -> None:
        await publish(bus, messages)
        for subject, _ in messages:
            published.put_nowait(subject)

    async def together(bus: NatsBus, limit: int, wait_s: float) -> list[Incoming]:
        taken = await fetch(bus, limit, wait_s)
        while taken and sender_of(taken[-1].subject) == "320000":  # a busy broker hands over the flood while the other event is on its way
            taken += await fetch(bus, limit, wait_s)
        return taken

    monkeypatch.setattr(NatsBus, "publish", noted)
    monkeypatch.setattr(NatsBus, "fetch", together)
    async with asyncio.timeout(WAIT_SECONDS):
        await flooding.tell("310000", range(1, FLOOD))
        for _ in range(0, FLOOD, 256):
            assert sender_of(await published.get()) == "320000"
        await other.tell("310000", range(1, 2))
        assert sender_of(await published.get()) == "hub"
    await receiver.start()
    await receiver.until_heard("320000", FLOOD)
    rows = select(heard.c.origin).order_by(heard.c.id).offset(2)
    origins = await receiver.database.read(lambda tx: tx.execute(rows).scalars().all())
    assert len(origins) == FLOOD
    assert origins.index("hub") <= 1
