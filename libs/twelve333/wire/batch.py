"""Batches between the core and their bytes: what is common to the events is said once, outside, and what they say lies inside.

A batch is three layers: `SignedBatch` for the origin's signature, `Batch` with the numbers in the clear, and its content, which the
sealed bus seals as one. What cannot be read is a peer violation, never a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from google.protobuf.message import DecodeError

from ..api.delivery.v1 import delivery_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.delivery.codes import ENVELOPE_MALFORMED
from ..core.delivery.model import BATCH_EVENTS_MAX, ENVELOPE_BYTES_MAX, Envelope
from ..core.ids import check_id, is_member
from .envelope import capability_of
from .times import from_timestamp, seconds_and_nanos

MESSAGE_BYTES_MAX: Final = 448 * 1024
_UNTRACED: Final[Mapping[str, str]] = {}


def encode_batch(envelopes: Sequence[Envelope]) -> bytes:
    """Events as one message, not sealed and not signed.

    Args:
        envelopes: a group as `core.delivery.rules.batches` makes them.
    """
    first, content = envelopes[0], pb.BatchContent()
    for envelope in envelopes:
        _add(content, envelope)
    batch = pb.Batch(
        origin=first.origin,
        destination=first.destination,
        epoch=first.epoch,
        first_sequence=first.sequence,
        count=len(envelopes),
        content=content.SerializeToString(),
        fence=first.fence,
    )
    return wrap(batch)


def wrap(batch: pb.Batch) -> bytes:
    """A batch as it travels."""
    return pb.SignedBatch(batch=batch.SerializeToString()).SerializeToString()


def unwrap(data: bytes) -> pb.Batch | Refusal:
    """The batch in a message, its content as it is; or `DELIVERY_ENVELOPE_MALFORMED`."""
    if len(data) > MESSAGE_BYTES_MAX:
        return refuse(ENVELOPE_MALFORMED, reason="too large")
    try:
        return pb.Batch.FromString(pb.SignedBatch.FromString(data).batch)
    except DecodeError:
        return refuse(ENVELOPE_MALFORMED, reason="unreadable batch")


def decode_batch(data: bytes) -> list[Envelope] | Refusal:
    """The events of a message whose content is not sealed (any more), or `DELIVERY_ENVELOPE_MALFORMED`: all of them or none."""
    batch = unwrap(data)
    if isinstance(batch, Refusal):
        return batch
    content = content_of(batch)
    if isinstance(content, Refusal):
        return content
    if wrong := _batch_fault(batch, content):
        return refuse(ENVELOPE_MALFORMED, reason=wrong)
    around = (batch.origin, batch.destination, batch.epoch, batch.fence)
    try:
        return [_from_wire(*around, sequence, event) for sequence, event in enumerate(content.events, batch.first_sequence)]
    except (ValueError, OverflowError):
        return refuse(ENVELOPE_MALFORMED, reason="unreadable event")


def content_of(batch: pb.Batch) -> pb.BatchContent | Refusal:
    """What is inside, or `DELIVERY_ENVELOPE_MALFORMED`."""
    if batch.sealing != pb.SEALING_UNSPECIFIED:
        return refuse(ENVELOPE_MALFORMED, reason="still sealed")
    try:
        return pb.BatchContent.FromString(batch.content)
    except DecodeError:
        return refuse(ENVELOPE_MALFORMED, reason="unreadable content")


def _batch_fault(batch: pb.Batch, content: pb.BatchContent) -> str:
    if not (is_member(batch.origin) and is_member(batch.destination)):
        return "no such member"
    if batch.epoch <= 0 or batch.fence < 0 or batch.first_sequence <= 0 or batch.first_sequence > 2**62:
        return "no number"
    return "" if 0 < len(content.events) == batch.count <= BATCH_EVENTS_MAX else "wrong count"


def _add(content: pb.BatchContent, envelope: Envelope) -> None:
    """One more event; made in its place, and without the map that mostly is empty, because both cost more than all the rest."""
    event = content.events.add(event_id=envelope.event_id, type=envelope.type, key=envelope.key, payload=envelope.payload)
    event.occurred_at.seconds, event.occurred_at.nanos = seconds_and_nanos(envelope.occurred_at)
    if envelope.trace:
        event.trace.update(envelope.trace)


def _from_wire(origin: str, destination: str, epoch: int, fence: int, sequence: int, event: pb.BatchedEvent) -> Envelope:
    """One event; raises `ValueError` for one that no member of ours would send."""
    event_id, kind, payload, trace = event.event_id, event.type, event.payload, event.trace
    capability = capability_of(kind)
    if not capability or check_id(event_id) is not None or len(payload) > ENVELOPE_BYTES_MAX:
        raise ValueError
    occurred_at, traced = from_timestamp(event.occurred_at), dict(trace) if trace else _UNTRACED
    numbers = (origin, destination, epoch, sequence)
    return Envelope(*numbers, event_id, capability, kind, occurred_at, payload, event.key, traced, fence=fence)
