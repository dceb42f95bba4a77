"""Changes packed into frames: bounded, compressed, addressed by their content.

A frame is bounded by the number of changes and by bytes, never unpacks to more than it may, and is what is lost at most when a stream
breaks. A change of a text that the receiver holds travels as the difference to it; the hash of the whole decides whether it was put
together right.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import zstandard
from google.protobuf.message import DecodeError

from ..api.library.v1 import library_pb2
from ..api.library.v1 import service_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.library import codes
from ..core.library.model import Change
from .library import change_from_wire, change_to_wire

FRAME_CHANGES_MAX: Final = 512
FRAME_BYTES_SOFT: Final = 3 << 20
UNPACKED_BYTES_MAX: Final = 4 << 20
ADDRESS_BYTES: Final = 16
_ZLIB_LEVEL: Final = 6
_ZSTD_LEVEL: Final = 3
_WIDE_BYTES: Final = 256 << 10
_WIDE_HASH_LOG: Final = 20

Packer = Callable[[bytes], tuple["pb.FrameEncoding.ValueType", bytes]]


@dataclass(frozen=True, slots=True)
class KnownText:
    """A text of an entry that a receiver holds: which, and its exact bytes."""

    version: int
    content: bytes


Texts = dict[str, KnownText]  # by entry id


def zlib_frame(payload: bytes) -> tuple[pb.FrameEncoding.ValueType, bytes]:
    """As nodes of the release before read it."""
    return pb.FRAME_ENCODING_ZLIB, zlib.compress(payload, _ZLIB_LEVEL)


def zstd_frame(payload: bytes) -> tuple[pb.FrameEncoding.ValueType, bytes]:
    """Smaller, and four times as fast to unpack; a long payload is remembered as a whole, since texts of laws repeat each other."""
    wide = {"hash_log": _WIDE_HASH_LOG} if len(payload) > _WIDE_BYTES else {}
    how = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL, source_size=len(payload), **wide)
    return pb.FRAME_ENCODING_ZSTD, zstandard.ZstdCompressor(compression_params=how).compress(payload)


def frames(changes: Iterable[Change], pack: Packer = zstd_frame, held: Texts | None = None) -> Iterator[pb.Frame]:
    """Pack `changes`, in their order, into frames.

    Args:
        changes: as they are kept.
        pack: how to compress.
        held: texts that the receiver holds, to send the difference to.
    """
    for group in fitting(changes):
        batch = pb.ChangeBatch()
        for change in group:
            message = change_to_wire(change)
            if held and change.entry_id in held:
                _as_patch(message, held[change.entry_id])
            batch.changes.append(message)
        yield _packed(batch, pack)


def fitting(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """`changes` in groups, each of which fits into a frame; no more is read than what is asked for, and one change."""
    group, size = list[Change](), 0
    for change in changes:
        if group and (len(group) >= FRAME_CHANGES_MAX or size + len(change.content) > FRAME_BYTES_SOFT):
            yield group
            group, size = [], 0
        group.append(change)
        size += len(change.content)
    if group:
        yield group


def unpack(frame: pb.Frame) -> list[Change] | Refusal:
    """The changes of a frame that has no differences; refuses as `open_frame` and `changes_of`."""
    batch = open_frame(frame)
    return batch if isinstance(batch, Refusal) else changes_of(batch, {})


def open_frame(frame: pb.Frame) -> pb.ChangeBatch | Refusal:
    """What is in a frame; refuses what is malformed, not what its address says, or unpacks to more than `UNPACKED_BYTES_MAX`."""
    if frame.address and frame.address != address_of(frame.payload):
        return refuse(codes.FRAME_UNREADABLE)
    payload = _inflate(frame)
    if isinstance(payload, Refusal):
        return payload
    try:
        return pb.ChangeBatch.FromString(payload)
    except DecodeError:
        return refuse(codes.FRAME_UNREADABLE)


def patched(batch: pb.ChangeBatch) -> list[str]:
    """The entries of which only a difference came."""
    return [message.entry_id for message in batch.changes if message.WhichOneof("what") == "patch"]


def changes_of(batch: pb.ChangeBatch, held: Texts) -> list[Change] | Refusal:
    """The changes in a frame, whole.

    Args:
        batch: as opened.
        held: the texts that differences are to.
    """
    changes: list[Change] = []
    for message in batch.changes:
        change = change_from_wire(message)
        if not isinstance(change, Refusal) and message.WhichOneof("what") == "patch":
            change = _put_together(change, message.patched_version, message.patch, held.get(message.entry_id))
        if isinstance(change, Refusal):
            return refuse(codes.FRAME_UNREADABLE)
        changes.append(change)
    return changes


def address_of(payload: bytes) -> bytes:
    """The address of a frame with this payload."""
    return sha256(payload).digest()[:ADDRESS_BYTES]


def _packed(batch: pb.ChangeBatch, pack: Packer) -> pb.Frame:
    encoding, payload = pack(batch.SerializeToString())
    return pb.Frame(encoding=encoding, payload=payload, address=address_of(payload))


def _as_patch(message: library_pb2.Change, held: KnownText) -> None:
    """Send the difference instead of the content, if that is less than half."""
    patch = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, dict_data=_dictionary(held.content)).compress(message.content)
    if len(patch) < len(message.content) // 2:
        message.patch, message.patched_version = patch, held.version


def _put_together(change: Change, version: int, patch: bytes, held: KnownText | None) -> Change | Refusal:
    """The change with its content, from the text that the patch is a difference to."""
    if held is None or held.version != version:
        return refuse(codes.FRAME_UNREADABLE)
    content = _expand(patch, zstandard.ZstdDecompressor(dict_data=_dictionary(held.content)))
    return content if isinstance(content, Refusal) else replace(change, content=content)


def _dictionary(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _inflate(frame: pb.Frame) -> bytes | Refusal:
    """The payload unpacked, within bounds whatever the sender claims."""
    if frame.encoding == pb.FRAME_ENCODING_IDENTITY:
        return frame.payload if len(frame.payload) <= UNPACKED_BYTES_MAX else refuse(codes.FRAME_TOO_LARGE, limit=UNPACKED_BYTES_MAX)
    if frame.encoding == pb.FRAME_ENCODING_ZSTD:
        return _expand(frame.payload, zstandard.ZstdDecompressor())
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


def _expand(payload: bytes, expander: zstandard.ZstdDecompressor) -> bytes | Refusal:
    """Unpack zstd; the length that it claims is looked at before a byte is made room for, and one that claims none is not read."""
    try:
        claimed = zstandard.get_frame_parameters(payload).content_size
        if claimed == zstandard.CONTENTSIZE_UNKNOWN:
            return refuse(codes.FRAME_UNREADABLE)
        if claimed > UNPACKED_BYTES_MAX:
            return refuse(codes.FRAME_TOO_LARGE, limit=UNPACKED_BYTES_MAX)
        return expander.decompress(payload, max_output_size=UNPACKED_BYTES_MAX)
    except zstandard.ZstdError:
        return refuse(codes.FRAME_UNREADABLE)
