"""Envelopes and receipts between the core and their bytes; what cannot be read is a peer violation, never a crash."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from google.protobuf.message import DecodeError

from ..api.delivery.v1 import delivery_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.delivery.codes import ENVELOPE_MALFORMED
from ..core.delivery.model import ENVELOPE_BYTES_MAX, Envelope, Reason, Receipt
from ..core.ids import check_id, is_member
from .times import from_timestamp, to_timestamp

_TO_REASON = {
    Reason.APPLIED: pb.RECEIPT_REASON_APPLIED,
    Reason.GAP: pb.RECEIPT_REASON_GAP,
    Reason.HELLO: pb.RECEIPT_REASON_HELLO,
}
_FROM_REASON = {value: reason for reason, value in _TO_REASON.items()}


def encode_envelope(envelope: Envelope) -> bytes:
    """An envelope as bytes."""
    return envelope_to_wire(envelope).SerializeToString()


def envelope_to_wire(envelope: Envelope) -> pb.Envelope:
    """An envelope as its message."""
    return pb.Envelope(
        origin=envelope.origin,
        destination=envelope.destination,
        epoch=envelope.epoch,
        sequence=envelope.sequence,
        event_id=envelope.event_id,
        capability=envelope.capability,
        type=envelope.type,
        occurred_at=to_timestamp(envelope.occurred_at),
        trace=dict(envelope.trace),
        key=envelope.key,
        payload=envelope.payload,
        fence=envelope.fence,
    )


def decode_envelope(data: bytes) -> Envelope | Refusal:
    """Bytes as an envelope, or `DELIVERY_ENVELOPE_MALFORMED`."""
    if len(data) > ENVELOPE_BYTES_MAX:
        return refuse(ENVELOPE_MALFORMED, reason="too large")
    try:
        return envelope_from_wire(pb.Envelope.FromString(data))
    except DecodeError:
        return refuse(ENVELOPE_MALFORMED, reason="unreadable")


def envelope_from_wire(message: pb.Envelope) -> Envelope | Refusal:
    """A message as an envelope, or `DELIVERY_ENVELOPE_MALFORMED`."""
    if message.ByteSize() > ENVELOPE_BYTES_MAX:
        return refuse(ENVELOPE_MALFORMED, reason="too large")
    try:
        occurred_at = from_timestamp(message.occurred_at)
    except (ValueError, OverflowError):
        return refuse(ENVELOPE_MALFORMED, reason="unreadable")
    wrong = _envelope_fault(message)
    if wrong:
        return refuse(ENVELOPE_MALFORMED, reason=wrong)
    return _envelope(message, occurred_at)


def _envelope_fault(message: pb.Envelope) -> str:
    if not (is_member(message.origin) and is_member(message.destination)):
        return "no such member"
    if message.epoch <= 0 or message.sequence <= 0 or message.fence < 0:
        return "no number"
    if check_id(message.event_id) is not None:
        return "no event id"
    return "" if message.type and capability_of(message.type) == message.capability else "no type"


def _envelope(message: pb.Envelope, occurred_at: datetime) -> Envelope:
    return Envelope(
        origin=message.origin,
        destination=message.destination,
        epoch=message.epoch,
        sequence=message.sequence,
        event_id=message.event_id,
        capability=message.capability,
        type=message.type,
        occurred_at=occurred_at,
        payload=message.payload,
        key=message.key,
        trace=dict(message.trace),
        sealed=message.sealing != pb.SEALING_UNSPECIFIED,
        fence=message.fence,
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """A receipt as bytes."""
    return receipt_to_wire(receipt).SerializeToString()


def receipt_to_wire(receipt: Receipt) -> pb.Receipt:
    """A receipt as its message."""
    return pb.Receipt(
        sender=receipt.sender,
        origin=receipt.origin,
        epoch=receipt.epoch,
        watermark=receipt.watermark,
        reason=_TO_REASON[receipt.reason],
        takes_batches=receipt.takes_batches,
        fence=receipt.fence,
    )


def decode_receipt(data: bytes) -> Receipt | Refusal:
    """Bytes as a receipt, or `DELIVERY_ENVELOPE_MALFORMED`."""
    try:
        return receipt_from_wire(pb.Receipt.FromString(data))
    except DecodeError:
        return refuse(ENVELOPE_MALFORMED, reason="unreadable receipt")


def receipt_from_wire(message: pb.Receipt) -> Receipt | Refusal:
    """A message as a receipt, or `DELIVERY_ENVELOPE_MALFORMED`."""
    reason = _FROM_REASON.get(message.reason)
    members = is_member(message.sender) and is_member(message.origin)
    if reason is None or not members or message.epoch <= 0 or min(message.watermark, message.fence) < 0:
        return refuse(ENVELOPE_MALFORMED, reason="no receipt")
    return Receipt(message.sender, message.origin, message.epoch, message.watermark, reason, message.takes_batches, message.fence)


@lru_cache(maxsize=256)
def capability_of(type_name: str) -> str:
    """The capability in a message's full name: twelve333.api.cases.v1.CaseOpened -> cases."""
    parts = type_name.split(".")
    return parts[2] if len(parts) == 5 and parts[:2] == ["twelve333", "api"] else ""
