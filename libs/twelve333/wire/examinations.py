"""A node's finding about itself as the bytes that it signs, and back."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from ..api.registration.v1 import examination_pb2 as pb
from ..core.doctor.examinations import Examined
from .doctor import findings_from_wire, findings_to_wire
from .times import from_timestamp

SAID: Final = b"twelve333 registration v1 examination\x00"
EXAMINATION_BYTES_MAX: Final = 32 * 1024


def encode_examined(examined: Examined) -> bytes:
    """What was found, as the bytes that are signed after `SAID`."""
    told = findings_to_wire(examined.member, examined.at, examined.checks)
    message = pb.Examination(member=told.member, at=told.at, version=examined.version, checks=told.checks)
    return message.SerializeToString(deterministic=True)


def decode_examined(data: bytes) -> Examined | None:
    """What was found; None if it cannot be read."""
    if not 0 < len(data) <= EXAMINATION_BYTES_MAX:
        return None
    try:
        message = pb.Examination.FromString(data)
        at = from_timestamp(message.at)
    except (DecodeError, ValueError, OverflowError):
        return None
    return Examined(message.member, at, message.version[:32], tuple(findings_from_wire(message.checks)))


def signed_examination(examination: bytes, signature: bytes, chain: list[bytes]) -> bytes:
    """The bytes of a `SignedExamination`, as evidence keeps them."""
    return pb.SignedExamination(examination=examination, signature=signature, chain=chain).SerializeToString(deterministic=True)


def signed_of(kept: bytes) -> pb.SignedExamination:
    """What evidence keeps; empty if it keeps nothing that can be read."""
    try:
        return pb.SignedExamination.FromString(kept)
    except DecodeError:
        return pb.SignedExamination()
