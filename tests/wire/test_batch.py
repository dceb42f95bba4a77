"""Batches survive the wire whole; one that is wrong anywhere is refused whole, never a crash."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.api.delivery.v1 import delivery_pb2 as pb
from twelve333.core.decision import Refusal
from twelve333.core.delivery.codes import ENVELOPE_MALFORMED
from twelve333.core.delivery.model import BATCH_EVENTS_MAX, ENVELOPE_BYTES_MAX, Envelope
from twelve333.wire.batch import MESSAGE_BYTES_MAX, decode_batch, encode_batch, unwrap, wrap

FIRST = Envelope(
    "320000",
    "hub",
    7,
    5,
    "e5",
    "cases",
    "twelve333.api.cases.v1.CaseStepTaken",
    datetime(2026, 1, 5, 1, 2, 3, 4, UTC),
    b"x",
    "c",
    {"a": "b"},
)


def events(count: int) -> list[Envelope]:
    return [replace(FIRST, sequence=5 + number, event_id=f"e{5 + number}", payload=bytes([number])) for number in range(count)]


def changed(**fields: object) -> bytes:
    batch = unwrap(encode_batch(events(3)))
    assert isinstance(batch, pb.Batch)
    for name, value in fields.items():
        setattr(batch, name, value)
    return wrap(batch)


@pytest.mark.parametrize("count", [1, 2, BATCH_EVENTS_MAX])
def test_a_batch_survives_the_wire(count: int) -> None:
    assert decode_batch(encode_batch(events(count))) == events(count)


def test_the_largest_event_fits_into_a_batch() -> None:
    one = replace(FIRST, payload=bytes(ENVELOPE_BYTES_MAX))
    assert decode_batch(encode_batch([one])) == [one]


@pytest.mark.parametrize(
    "data",
    [
        changed(origin="nobody"),
        changed(destination="35010"),
        changed(epoch=0),
        changed(first_sequence=0),
        changed(first_sequence=2**63 - 1),
        changed(count=2),
        changed(content=b"", count=0),
        changed(content=b"\xff"),
        changed(sealing=pb.SEALING_X25519_HKDF_SHA256_AES256GCM),
        encode_batch([replace(FIRST, type="google.protobuf.Any")]),
        encode_batch([FIRST, replace(FIRST, event_id="")]),
        encode_batch(events(BATCH_EVENTS_MAX) + events(1)),
        b"\xff",
        bytes(MESSAGE_BYTES_MAX + 1),
    ],
)
def test_a_malformed_batch_is_refused_whole(data: bytes) -> None:
    outcome = decode_batch(data)
    assert isinstance(outcome, Refusal)
    assert outcome.code == ENVELOPE_MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert isinstance(decode_batch(data), list | Refusal)
