"""Origins take turns at the inbox: the flood of one holds up another's events by its share and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from twelve333.adapters.bus import Incoming
from twelve333.adapters.bus.nats import NatsBus
from twelve333.adapters.relay import receiver as relay_receiver
from twelve333.adapters.relay.intake import Intake
from twelve333.adapters.sql.delivery import Arrival, Received
from twelve333.core.decision import Refusal
from twelve333.wire.subjects import sender_of

from .conftest import WAIT_SECONDS, Member, heard

FLOOD = 1000
MESSAGES = 4  # of 256 events at most
WORK = 200


async def test_an_event_is_not_held_up_by_the_flood_that_came_before_it(
    members: dict[str, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, flooding, other = members["310000"], members["320000"], members["hub"]
    published, fetch = await _told_before(members, monkeypatch), NatsBus.fetch

    async def together(bus: NatsBus, limit: int, wait_s: float) -> list[Incoming]:
        taken = await fetch(bus, limit, wait_s)
        while taken and sender_of(taken[-1].subject) == "320000":  # a busy broker hands over the flood while the other event is on its way
            taken += await fetch(bus, limit, wait_s)
        return taken

    monkeypatch.setattr(NatsBus, "fetch", together)
    async with asyncio.timeout(WAIT_SECONDS):
        await flooding.tell("310000", range(1, FLOOD))
        for _ in range(MESSAGES):
            await _is_published(published, "320000")
        await other.tell("310000", range(1, 2))
        await _is_published(published, "hub")
    await receiver.start()
    await receiver.until_heard("320000", FLOOD)
    assert (await _origins(receiver)).index("hub") <= 1


async def test_an_event_is_not_held_up_by_the_flood_that_is_taken_when_it_comes(
    members: dict[str, Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if many flooded: what is in hand fills several units of work."""
    receiver, flooding, other = members["310000"], members["320000"], members["hub"]
    published, fetch, receive = await _told_before(members, monkeypatch), NatsBus.fetch, Intake.receive
    works = list[int]()

    async def all_of_it(bus: NatsBus, limit: int, wait_s: float) -> list[Incoming]:
        taken = await fetch(bus, limit, wait_s)
        while wait_s and taken and not works and len(taken) < MESSAGES:
            taken += await fetch(bus, limit, wait_s)
        return taken

    async def meanwhile(intake: Intake, arrivals: Sequence[Arrival], park: Refusal | None) -> Received:
        if not works:
            await other.tell("310000", range(1, 2))
            await _is_published(published, "hub")
        works.append(len(arrivals))
        return await receive(intake, arrivals, park)

    monkeypatch.setattr(NatsBus, "fetch", all_of_it)
    monkeypatch.setattr(relay_receiver, "WORK_EVENTS_MAX", WORK)
    async with asyncio.timeout(WAIT_SECONDS):
        await flooding.tell("310000", range(1, FLOOD))
        for _ in range(MESSAGES):
            await _is_published(published, "320000")
        monkeypatch.setattr(Intake, "receive", meanwhile)
        await receiver.start()
        await receiver.until_heard("320000", FLOOD)
    assert works[0] == WORK
    assert WORK <= (await _origins(receiver)).index("hub") <= 2 * WORK
    assert await receiver.numbers("320000") == list(range(FLOOD)), "in order all the same"


async def _told_before(members: dict[str, Member], monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[str]:
    """Both origins are known to the receiver, which has stopped; the subjects of what is published from now on."""
    for origin in (members["320000"], members["hub"]):
        await origin.tell("310000", range(1))
        await origin.until_confirmed()
    await members["310000"].stop()
    published, publish = asyncio.Queue[str](), NatsBus.publish

    async def noted(bus: NatsBus, messages: Sequence[tuple[str, bytes]]) -> None:
        await publish(bus, messages)
        for subject, _ in messages:
            published.put_nowait(subject)

    monkeypatch.setattr(NatsBus, "publish", noted)
    return published


async def _is_published(published: asyncio.Queue[str], origin: str) -> None:
    """Wait for a message of this origin; on a slow machine another one may try again in between."""
    while sender_of(await published.get()) != origin:
        continue


async def _origins(receiver: Member) -> Sequence[str]:
    """Whose events were applied, in order, without those of before the flood."""
    rows = select(heard.c.origin).order_by(heard.c.id).offset(2)
    origins: Sequence[str] = await receiver.database.read(lambda tx: tx.execute(rows).scalars().all())
    assert len(origins) == FLOOD
    return origins
