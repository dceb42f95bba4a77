"""The sealed bus: the broker sees envelopes without contents; what cannot be sealed is held back, what does not open comes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from twelve333.adapters.bus.port import Bus, Incoming
from twelve333.adapters.bus.sealed import NOT_OPENED_MAX, SealedBus, Sealing
from twelve333.adapters.signing.sealing import Opener, private_key, public_bytes
from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.delivery.model import Envelope
from twelve333.wire.batch import decode_batch, encode_batch, unwrap, wrap
from twelve333.wire.envelope import decode_envelope, encode_envelope

NOW = datetime(2026, 1, 5, tzinfo=UTC)
OURS = private_key(b"a" * 32, b"1234")
SUBJECT = "t333.ev.320000.350000.cases"
BATCH_SUBJECT = "t333.ev.320000.350000.batch"


class Broker:
    """Gives back what it was handed."""

    def __init__(self) -> None:
        self.held: list[tuple[str, bytes]] = []
        self.forgotten = 0

    async def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        self.held += messages

    async def fetch(self, limit: int, wait_s: float) -> list[Incoming]:
        async def forget() -> None:
            self.forgotten += 1

        return [Incoming(subject, data, forget) for subject, data in self.held]


def _bus(broker: Broker, keys: dict[str, bytes], own: Any = OURS, *, plain: bool = False) -> SealedBus:
    async def key_of(member: str) -> bytes:
        return keys.get(member, b"")

    return SealedBus(cast("Bus", broker), Sealing(Opener(lambda: (own,)), key_of, plain))


def _event(capability: str = "cases", number: int = 1) -> Envelope:
    type_name = f"twelve333.api.{capability}.v1.Told"
    return Envelope(
        "320000", "350000", 5, number, f"e-{number}", capability, type_name, NOW, "张三".encode(), "c1", {"traceparent": "00-1"}
    )


async def test_the_broker_holds_nothing_readable_and_the_receiver_gets_what_was_said() -> None:
    broker = Broker()
    bus = _bus(broker, {"350000": public_bytes(OURS)})
    sent = [_event(number=number) for number in range(1, 5)]
    await bus.publish([(SUBJECT, encode_envelope(event)) for event in sent])
    assert all("张三".encode() not in data for _, data in broker.held)
    assert [decode_envelope(message.data) for message in await bus.fetch(10, 1)] == sent


async def test_what_cannot_be_sealed_is_held_back_unless_the_settings_allow_it() -> None:
    broker = Broker()
    with pytest.raises(Refused, match="DELIVERY_SEAL_KEY_UNKNOWN"):
        await _bus(broker, {}).publish([(SUBJECT, encode_envelope(_event()))])
    assert broker.held == []
    await _bus(broker, {}).publish([(SUBJECT, encode_envelope(_event("library")))])  # says nothing personal
    await _bus(broker, {}, plain=True).publish([(SUBJECT, encode_envelope(_event()))])
    assert [decode_envelope(message.data) for message in await _bus(broker, {}).fetch(10, 1)] == [_event("library"), _event()]


async def test_what_does_not_open_is_waited_for_and_in_the_end_passed_on_to_be_set_aside() -> None:
    broker = Broker()
    receiver = _bus(broker, {}, private_key(b"other" * 7, b"1234"))
    await _bus(broker, {"350000": public_bytes(OURS)}).publish([(SUBJECT, encode_envelope(_event()))])
    for tried in range(1, NOT_OPENED_MAX):
        assert await receiver.fetch(10, 1) == []
        assert broker.forgotten == tried
    taken = decode_envelope((await receiver.fetch(10, 1))[0].data)
    assert isinstance(taken, Envelope)
    assert taken.sealed
    assert "张三".encode() not in taken.payload


async def test_an_envelope_whose_name_was_changed_on_the_way_does_not_open() -> None:
    broker = Broker()
    bus = _bus(broker, {"350000": public_bytes(OURS)})
    await bus.publish([(SUBJECT, encode_envelope(_event()))])
    broker.held = [(SUBJECT, data.replace(b"e-1", b"e-2")) for _, data in broker.held]
    assert await bus.fetch(10, 1) == []


async def test_a_batch_is_sealed_once_and_opens_to_what_was_said() -> None:
    broker = Broker()
    bus = _bus(broker, {"350000": public_bytes(OURS)})
    sent = [_event(number=number) for number in range(1, 5)]
    await bus.publish([(BATCH_SUBJECT, encode_batch(sent))])
    assert all(hidden not in broker.held[0][1] for hidden in ("张三".encode(), b"e-1", b"c1", b"Told"))
    assert [decode_batch(message.data) for message in await bus.fetch(10, 1)] == [sent]


async def test_a_batch_whose_numbers_were_changed_on_the_way_is_not_taken() -> None:
    broker = Broker()
    bus = _bus(broker, {"350000": public_bytes(OURS)})
    await bus.publish([(BATCH_SUBJECT, encode_batch([_event(number=number) for number in range(1, 5)]))])
    batch = unwrap(broker.held[0][1])
    assert isinstance(batch, pb.Batch)
    batch.first_sequence += 1
    broker.held = [(BATCH_SUBJECT, wrap(batch))]
    assert await bus.fetch(10, 1) == []
    assert broker.forgotten == 1


async def test_a_batch_with_anything_personal_inside_is_held_back_without_a_key() -> None:
    broker = Broker()
    with pytest.raises(Refused, match="DELIVERY_SEAL_KEY_UNKNOWN"):
        await _bus(broker, {}).publish([(BATCH_SUBJECT, encode_batch([_event("library"), _event(number=2)]))])
    await _bus(broker, {}).publish([(BATCH_SUBJECT, encode_batch([_event("library")]))])
    assert [decode_batch(message.data) for message in await _bus(broker, {}).fetch(10, 1)] == [[_event("library")]]


async def test_rubbish_is_left_to_the_inbox() -> None:
    broker = Broker()
    broker.held = [(SUBJECT, b"\xff\xff")]
    assert (await _bus(broker, {}).fetch(10, 1))[0].data == b"\xff\xff"
