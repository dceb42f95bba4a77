"""Envelopes and receipts survive the wire; anything else is refused, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twelve333.core.decision import Refusal
from twelve333.core.delivery.codes import ENVELOPE_MALFORMED
from twelve333.core.delivery.model import ENVELOPE_BYTES_MAX, Envelope, Reason, Receipt
from twelve333.wire.envelope import capability_of, decode_envelope, decode_receipt, encode_envelope, encode_receipt
from twelve333.wire.subjects import event_subject, receipt_subject, sender_of


def _envelope(**changes: object) -> Envelope:
    fields: dict[str, object] = {
        "origin": "320000",
        "destination": "hub",
        "epoch": 1,
        "sequence": 1,
        "event_id": "e1",
        "capability": "cases",
        "type": "twelve333.api.cases.v1.CaseOpened",
        "occurred_at": datetime(2026, 1, 5, 1, 2, 3, 456789, tzinfo=UTC),
        "payload": b"x",
        "key": "case-1",
        "trace": {"traceparent": "00-a-b-01"},
    }
    return Envelope(**(fields | changes))  # type: ignore[arg-type]


def test_an_envelope_survives_the_wire() -> None:
    assert decode_envelope(encode_envelope(_envelope())) == _envelope()


@pytest.mark.parametrize("reason", list(Reason))
def test_a_receipt_survives_the_wire(reason: Reason) -> None:
    receipt = Receipt("hub", "320000", 5, 9, reason)
    assert decode_receipt(encode_receipt(receipt)) == receipt


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "nobody"},
        {"destination": "35010"},
        {"epoch": 0},
        {"sequence": 0},
        {"event_id": ""},
        {"capability": "routing"},
        {"type": "google.protobuf.Any"},
        {"payload": b"x" * ENVELOPE_BYTES_MAX},
    ],
)
def test_a_malformed_envelope_is_refused(changes: dict[str, object]) -> None:
    outcome = decode_envelope(encode_envelope(_envelope(**changes)))
    assert isinstance(outcome, Refusal)
    assert outcome.code == ENVELOPE_MALFORMED


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert isinstance(decode_envelope(data), Envelope | Refusal)
    assert isinstance(decode_receipt(data), Receipt | Refusal)


def test_the_sender_is_read_off_the_subject() -> None:
    assert sender_of(event_subject("320000", "hub", "cases")) == "320000"
    assert sender_of(receipt_subject("hub", "320000")) == "hub"
    assert sender_of("t333.ev.nobody.hub.cases") is None
    assert sender_of("$JS.ACK.x") is None


def test_the_capability_is_read_off_the_type() -> None:
    assert capability_of("twelve333.api.cases.v1.CaseOpened") == "cases"
    assert capability_of("other.thing") == ""
