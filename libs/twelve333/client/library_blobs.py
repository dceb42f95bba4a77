"""Files of the library: attached at the hub, fetched anywhere, and what is played for prompts."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from ..api.library.v1 import blobs_pb2 as pb
from ..api.library.v1 import blobs_pb2_grpc, service_pb2, service_pb2_grpc
from ..core.decision import Refused, refuse
from ..core.library.model import PIECE_BYTES, Attachment
from ..core.library.pieces import FILE_DIFFERS, FILE_NOT_THERE, PIECES_ASKED_MAX, described, pieces_of
from ..wire.library_parts import attachment_to_wire
from ..wire.times import from_timestamp
from .calls import Calls

UNKNOWN_TYPE: Final = "application/octet-stream"
PIECES_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Playing:
    """What a unit plays for a prompt, or (`unit` empty) a member: SHA-256 of the sound, whether it is the library's, when that was said."""

    member: str
    entry_id: str
    digest: bytes
    as_published: bool
    reported_at: datetime
    unit: str = ""


class LibraryBlobsClient:
    """Typed calls of `LibraryBlobService` and `LibraryPlayingService`. Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._blobs = blobs_pb2_grpc.LibraryBlobServiceStub(calls.channel)
        self._playing = blobs_pb2_grpc.LibraryPlayingServiceStub(calls.channel)
        self._read = service_pb2_grpc.LibraryServiceStub(calls.channel)
        self._publish = service_pb2_grpc.LibraryPublishServiceStub(calls.channel)

    async def upload(self, path: Path, *, sent: Callable[[int], None] = lambda pieces: None) -> Attachment:
        """Bring a file to the hub, so far as its pieces are not there; an upload that broke off goes on.

        Args:
            path: the file, at most 256 MiB.
            sent: is told of each piece that is there.
        """
        with path.open("rb") as file:
            attachment = described(path.name, mimetypes.guess_type(path.name)[0] or UNKNOWN_TYPE, pieces_of(file))
        missing = set[bytes]()
        for start in range(0, len(attachment.pieces), PIECES_ASKED_MAX):
            request = pb.ListMissingPiecesRequest(digests=attachment.pieces[start : start + PIECES_ASKED_MAX])
            missing.update((await self._calls.unary(self._blobs.ListMissingPieces, request)).missing)
        if missing:
            await self._calls.upload(self._blobs.PutPieces, _put(path, attachment.pieces, missing, sent))
        return attachment

    async def attach(self, entry_id: str, attachments: Sequence[Attachment]) -> int:
        """Publish an entry anew with files that were uploaded; one of the same name takes the place of the old. Returns the release.

        Fields of the entry that this program does not know stay as they are.
        """
        entry = (await self._calls.unary(self._read.GetEntry, service_pb2.GetEntryRequest(id=entry_id))).entry.entry
        names = {file.name for file in attachments}
        kept = [file for file in entry.attachments if file.name not in names]
        del entry.attachments[:]
        entry.attachments.extend([*kept, *map(attachment_to_wire, attachments)])
        header = service_pb2.PublishEntriesRequest(header=service_pb2.PublishHeader(strict=True))
        item = service_pb2.PublishEntriesRequest(entry=entry.SerializeToString(deterministic=True))
        return (await self._calls.upload(self._publish.PublishEntries, iter([header, item]))).release.number

    async def fetch(self, entry_id: str, file: Attachment, folder: Path, *, got: Callable[[int], None] = lambda pieces: None) -> Path:
        """Write a file of an entry into `folder`; what broke off goes on, and nothing stands under its name before it is whole.

        Args:
            entry_id, file: the file, as the entry names it.
            folder: where to.
            got: is told of each piece that is there.

        Raises:
            Refused: LIBRARY_FILE_NOT_THERE, LIBRARY_FILE_DIFFERS.
        """
        part = folder / f".{file.digest.hex()[:16]}.part"
        with part.open("a+b") as out:
            have = _whole_pieces(part, file.pieces)
            out.truncate(have * PIECE_BYTES)
            got(have)
            for start in range(have, len(file.pieces), PIECES_AT_ONCE):
                wanted = file.pieces[start : start + PIECES_AT_ONCE]
                found = {sha256(piece).digest(): piece async for piece in self.pieces(wanted, entry_id)}
                for digest in wanted:
                    if digest not in found:
                        raise Refused(refuse(FILE_NOT_THERE, name=file.name))
                    out.write(found[digest])
                    got(1)
        with part.open("rb") as whole:
            if described("", "", pieces_of(whole)).digest != file.digest:
                part.unlink()
                raise Refused(refuse(FILE_DIFFERS, name=file.name))
        return part.replace(folder / file.name)

    async def pieces(self, digests: Iterable[bytes], entry_id: str = "") -> AsyncIterator[bytes]:
        """Pieces as they come; take the hash of each."""
        async for answer in self._calls.stream(self._blobs.FetchPieces, pb.FetchPiecesRequest(digests=digests, entry_id=entry_id)):
            yield answer.piece.content

    async def report_playing(self, entry_id: str, digest: bytes, *, unit: str = "") -> bool:
        """Say which sound is played for a prompt (node); True if it is the one that the library has.

        Args:
            entry_id: id of the prompt.
            digest: SHA-256 of the sound, 32 bytes.
            unit: code of the unit whose telephone system it is; empty: the one of the whole node.
        """
        request = pb.ReportPlayingRequest(entry_id=entry_id, digest=digest, unit=unit)
        return (await self._calls.unary(self._playing.ReportPlaying, request)).as_published

    async def playing(self) -> tuple[Playing, ...]:
        """What is played: at the hub by every member and its units, at a node here."""
        answer = await self._calls.unary(self._playing.ListPlaying, pb.ListPlayingRequest())
        return tuple(_playing(one) for one in answer.playing)


def _playing(one: pb.Playing) -> Playing:
    return Playing(one.member, one.entry_id, one.digest, one.as_published, from_timestamp(one.reported_at), one.unit)


async def _put(
    path: Path, digests: Sequence[bytes], missing: set[bytes], sent: Callable[[int], None]
) -> AsyncIterator[pb.PutPiecesRequest]:
    """The missing pieces of a file, each once."""
    with path.open("rb") as file:
        for digest, content in zip(digests, pieces_of(file), strict=False):
            if digest in missing:
                missing.discard(digest)
                yield pb.PutPiecesRequest(piece=pb.Piece(content=content))
            sent(1)


def _whole_pieces(part: Path, pieces: Sequence[bytes]) -> int:
    """How many pieces at the front of a broken-off file are what they should be."""
    count = 0
    with part.open("rb") as file:
        for piece, digest in zip(pieces_of(file), pieces, strict=False):
            if sha256(piece).digest() != digest:
                break
            count += 1
    return count
