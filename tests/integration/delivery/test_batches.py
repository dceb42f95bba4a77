"""Members upgrade on their own day: whoever takes batches is sent batches, whoever does not is sent single events, and nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from twelve333.adapters.bus import Incoming
from twelve333.adapters.bus.nats import NatsBus
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.wire.subjects import event_subject, is_batch

from .conftest import Member

Members = dict[str, Member]


@dataclass
class Heard:
    """How many messages of each form a member took."""

    batches: int = 0
    singles: int = 0
    older: set[str] = field(default_factory=set)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """Counts what is fetched; those in `older` behave as programs did before there were batches."""
    counts = Heard()
    fetch, send_receipt = NatsBus.fetch, NatsBus.send_receipt

    async def counted(bus: NatsBus, limit: int, wait_s: float) -> list[Incoming]:
        taken = await fetch(bus, limit, wait_s)
        counts.batches += sum(is_batch(message.subject) for message in taken)
        counts.singles += sum(not is_batch(message.subject) for message in taken)
        return [_unread(message) if bus._settings.member in counts.older else message for message in taken]

    async def silent(bus: NatsBus, subject: str, data: bytes) -> None:
        receipt = pb.Receipt.FromString(data)
        if bus._settings.member in counts.older:
            receipt.ClearField("takes_batches")
        await send_receipt(bus, subject, receipt.SerializeToString())

    monkeypatch.setattr(NatsBus, "fetch", counted)
    monkeypatch.setattr(NatsBus, "send_receipt", silent)
    return counts


def _unread(message: Incoming) -> Incoming:
    """An older program takes every message for an envelope."""
    return replace(message, subject=event_subject("320000", "310000", "cases")) if is_batch(message.subject) else message


async def told(members: Members, *parts: range) -> Sequence[int]:
    """Tell these one part after the other from one province to the other; what it heard."""
    for numbers in parts:
        await members["320000"].tell("310000", numbers)
        await members["320000"].until_confirmed()
    return await members["310000"].numbers("320000")


async def test_many_events_travel_in_few_messages(heard: Heard, members: Members) -> None:
    assert await told(members, range(1), range(1, 2001)) == list(range(2001))
    assert 0 < heard.batches < 100


async def test_an_older_member_is_sent_single_events(heard: Heard, members: Members) -> None:
    heard.older.add("310000")
    assert await told(members, range(300), range(300, 400)) == list(range(400))
    assert heard.batches == 0


async def test_a_member_that_went_back_to_an_older_program_is_still_told_everything(heard: Heard, members: Members) -> None:
    assert await told(members, range(100), range(100, 200)) == list(range(200))
    heard.older.add("310000")
    assert await told(members, range(200, 300), range(300, 400)) == list(range(400))
    heard.older.clear()
    before = heard.batches
    assert await told(members, range(400, 401), range(401, 600)) == list(range(600))
    assert heard.batches > before
