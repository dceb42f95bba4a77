"""A file in pieces: cut, named by hash, put together again. Trust is in the hashes, which stand in a signed release, never in who sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import BinaryIO, Final

from ..decision import Code, FieldViolation, Kind
from .model import PIECE_BYTES, Attachment, Entry, EntryKind

PIECES_ASKED_MAX: Final = 1000
TOO_MANY_PIECES: Final = Code("LIBRARY_TOO_MANY_PIECES", Kind.EXHAUSTED)
PIECE_TOO_LARGE: Final = Code("LIBRARY_PIECE_TOO_LARGE", Kind.INVALID)
PIECE_MISSING: Final = Code("LIBRARY_PIECE_MISSING", Kind.INVALID)
FILE_DIFFERS: Final = Code("LIBRARY_FILE_DIFFERS", Kind.PEER_VIOLATION)
FILE_NOT_THERE: Final = Code("LIBRARY_FILE_NOT_THERE", Kind.UNAVAILABLE)
NO_PROMPT: Final = Code("LIBRARY_NO_PROMPT", Kind.INVALID)
PLAYING_NOT_SERVED: Final = Code("LIBRARY_PLAYING_NOT_SERVED", Kind.DENIED)


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The pieces of a file in order, one in memory at a time."""
    while piece := file.read(PIECE_BYTES):
        yield piece


def described(name: str, media_type: str, pieces: Iterable[bytes]) -> Attachment:
    """A file by its content."""
    whole, names, size = sha256(), list[bytes](), 0
    for piece in pieces:
        whole.update(piece)
        names.append(sha256(piece).digest())
        size += len(piece)
    return Attachment(name, media_type, size, whole.digest(), tuple(names))


def digests_of(entry: Entry) -> list[bytes]:
    """The pieces of all files of an entry, each once."""
    return list(dict.fromkeys(piece for file in entry.attachments for piece in file.pieces))


def lacking(entry: Entry, missing: Sequence[bytes] | set[bytes] | frozenset[bytes]) -> FieldViolation | None:
    """What is wrong with an entry whose files are not all at hand: nobody could fetch them."""
    gone = [file.name for file in entry.attachments if set(file.pieces) & set(missing)]
    return FieldViolation("attachments", PIECE_MISSING, {"name": gone[0][:64]}) if gone else None


def plays(entry: Entry) -> bytes | None:
    """SHA-256 of the sound that a prompt is to be played with; None if the entry is no prompt or has no sound."""
    return entry.attachments[0].digest if entry.kind is EntryKind.PROMPT and entry.attachments else None
