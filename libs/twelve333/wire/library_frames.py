"""Changes packed into frames: bounded, compressed pieces of a copy.

A frame is bounded by the number of changes and by bytes, and never unpacks to more than it may: a frame is the unit of what is lost
when a stream breaks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

from google.protobuf.message import DecodeError

from ..api.library.v1 import service_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.library import codes
from ..core.library.model import Change
from .library import change_from_wire, change_to_wire

FRAME_CHANGES_MAX: Final = 256
FRAME_BYTES_SOFT: Final = 1 << 20
UNPACKED_BYTES_MAX: Final = 4 << 20
_LEVEL: Final = 6


def frames(changes: Iterable[Change]) -> Iterator[pb.Frame]:
    """Pack `changes`, in their order, into frames."""
    batch, size = pb.ChangeBatch(), 0
    for change in changes:
        if batch.changes and (len(batch.changes) >= FRAME_CHANGES_MAX or size + len(change.content) > FRAME_BYTES_SOFT):
            yield _pack(batch)
            batch, size = pb.ChangeBatch(), 0
        batch.changes.append(change_to_wire(change))
        size += len(change.content)
    if batch.changes:
        yield _pack(batch)


def unpack(frame: pb.Frame) -> list[Change] | Refusal:
    """The changes of a frame; refuses what is malformed or unpacks to more than `UNPACKED_BYTES_MAX`."""
    payload = _inflate(frame)
    if isinstance(payload, Refusal):
        return payload
    try:
        batch = pb.ChangeBatch.FromString(payload)
    except DecodeError:
        return refuse(codes.FRAME_UNREADABLE)
    changes: list[Change] = []
    for message in batch.changes:
        change = change_from_wire(message)
        if isinstance(change, Refusal):
            return refuse(codes.FRAME_UNREADABLE)
        changes.append(change)
    return changes


def _pack(batch: pb.ChangeBatch) -> pb.Frame:
    """One frame."""
    return pb.Frame(encoding=pb.FRAME_ENCODING_ZLIB, payload=zlib.compress(batch.SerializeToString(), _LEVEL))


def _inflate(frame: pb.Frame) -> bytes | Refusal:
    """The payload unpacked, within bounds whatever the sender claims."""
    if frame.encoding == pb.FRAME_ENCODING_IDENTITY:
        return frame.payload if len(frame.payload) <= UNPACKED_BYTES_MAX else refuse(codes.FRAME_TOO_LARGE, limit=UNPACKED_BYTES_MAX)
    if frame.encoding != pb.FRAME_ENCODING_ZLIB:
        return refuse(codes.FRAME_UNREADABLE)
    inflater = zlib.decompressobj()
    try:
        payload = inflater.decompress(frame.payload, UNPACKED_BYTES_MAX)
    except zlib.error:
        return refuse(codes.FRAME_UNREADABLE)
    if inflater.unconsumed_tail:
        return refuse(codes.FRAME_TOO_LARGE, limit=UNPACKED_BYTES_MAX)
    return payload if inflater.eof else refuse(codes.FRAME_UNREADABLE)
