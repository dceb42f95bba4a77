"""What a signature of a member covers: the bytes of a batch, the named parts of a single event, the numbers of a receipt.

Rule served: one signature is void for anything else. Each begins with its own domain, and each part is preceded by its length.
"""

from __future__ import annotations

from typing import Final

from ..api.delivery.v1 import delivery_pb2 as pb

_DOMAIN: Final = b"twelve333 delivery v1 "


def batch_said(batch: bytes) -> bytes:
    """Of a serialised `Batch`, exactly as it travels."""
    return _DOMAIN + b"batch\x00" + batch


def envelope_said(envelope: pb.Envelope) -> bytes:
    """Of an envelope: everything but the trace, which changes nothing."""
    texts = (envelope.origin, envelope.destination, envelope.event_id, envelope.capability, envelope.type, envelope.key)
    moment = envelope.occurred_at.seconds, envelope.occurred_at.nanos
    numbers = (envelope.epoch, envelope.sequence, envelope.sealing, envelope.fence, *moment)
    return _joined(b"event\x00", [*(text.encode() for text in texts), *(str(number).encode() for number in numbers), envelope.payload])


def receipt_said(receipt: pb.Receipt) -> bytes:
    """Of a receipt."""
    numbers = (receipt.epoch, receipt.watermark, receipt.reason, int(receipt.takes_batches), receipt.fence)
    return _joined(b"receipt\x00", [receipt.sender.encode(), receipt.origin.encode(), *(str(number).encode() for number in numbers)])


def _joined(kind: bytes, parts: list[bytes]) -> bytes:
    return _DOMAIN + kind + b"".join(len(part).to_bytes(4, "big") + part for part in parts)
