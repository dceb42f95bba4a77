"""Whom the library is copied from: the hub, or any other province. One release of one scope at a time; counts what goes over the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any, Final

from google.protobuf.message import Message

from twelve333.adapters.rpc.peers import Peers
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import copying_pb2 as pb
from twelve333.api.library.v1 import copying_pb2_grpc, service_pb2
from twelve333.core.decision import Refusal, Refused, refuse
from twelve333.core.library import codes
from twelve333.core.library.copying import part_digests
from twelve333.core.library.merkle import bucket_of
from twelve333.core.library.model import Leaf, Release, Scope
from twelve333.wire.library_copying import digests_from_wire, expiry_of, leaf_from_wire, name_of, scope_to_wire
from twelve333.wire.library_frames import open_frame

ASK_SECONDS: Final = 20.0
STREAM_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Offered:
    """What a member offers: the checkpoint as signed, None if it has nothing newer; and since when it knows every removal."""

    document: common_pb2.SignedDocument | None
    horizon: int


class Source:
    """A member that a replica is copied from, or compared with.

    Args:
        peers: the way to it.
        member: hub or a province.
        wire_bytes: bytes of all messages so far, both ways.
        frame_bytes: those of frames among them.
    """

    def __init__(self, peers: Peers, member: str) -> None:
        self._stub = copying_pb2_grpc.LibraryCopyServiceStub(peers.channel(member))
        self.member = member
        self.wire_bytes = self.frame_bytes = 0

    async def checkpoint(self, held: Release | None, scope: Scope) -> Offered:
        """Ask for what is newer than `held`.

        Args:
            held: the release in use, None for an empty replica, or to be given the checkpoint in any case.
            scope: wanted.
        """
        same = held is not None and held.scope == scope
        name = name_of(held) if held and same else pb.ReleaseName(scope=scope_to_wire(scope))
        request = pb.GetCheckpointRequest(held=name, expires_at=expiry_of(held) if same else 0)
        answer = await self._stub.GetCheckpoint(request, timeout=ASK_SECONDS)
        self.wire_bytes += request.ByteSize() + answer.ByteSize()
        return Offered(answer.release if answer.HasField("release") else None, answer.horizon)

    async def digests(self, release: Release, part: str, depth: int = 1) -> dict[str, bytes]:
        """The digests below a part, by name.

        Raises:
            Refused: LIBRARY_PART_MISMATCH.
        """
        request = pb.GetDigestsRequest(release=name_of(release), part=part, depth=depth)
        answer = await self._stub.GetDigests(request, timeout=ASK_SECONDS)
        self.wire_bytes += request.ByteSize() + answer.ByteSize()
        named = part_digests(part, digests_from_wire(answer.digests))
        if named is None:
            raise Refused(refuse(codes.PART_MISMATCH, part=part))
        return named

    async def leaves(self, release: Release, bucket: str) -> list[Leaf]:
        """The leaves of a bucket."""
        request = pb.GetDigestsRequest(release=name_of(release), part=bucket)
        answer = await self._stub.GetDigests(request, timeout=ASK_SECONDS)
        self.wire_bytes += request.ByteSize() + answer.ByteSize()
        return [leaf_from_wire(leaf) for leaf in answer.leaves]

    async def log(self, release: Release, after: int) -> AsyncIterator[service_pb2.Frame]:
        """The frames of the log after a sequence, each asked for when the one before has been taken; an older program sends all at once."""
        while after < release.sequence:
            request, last = pb.PullLogRequest(release=name_of(release), after=after, one=True), 0
            async with aclosing(self._answers(self._stub.PullLog, request, STREAM_SECONDS)) as answers:
                async for answer in answers:
                    yield answer.frame
                    last = answer.last
            if last <= after:
                return
            after = last

    async def urgent(self, release: Release, after: int) -> list[str]:
        """The entries that the last urgent release changes."""
        request = pb.PullLogRequest(release=name_of(release), after=after, urgent=True)
        async with aclosing(self._answers(self._stub.PullLog, request, ASK_SECONDS)) as answers:
            async for answer in answers:
                batch = open_frame(answer.frame)
                if isinstance(batch, Refusal):
                    raise Refused(batch)
                return [change.entry_id for change in batch.changes if change.release == release.last_urgent]
        return []

    async def parts(self, release: Release, parts: Sequence[str], ids: Sequence[str] = ()) -> AsyncIterator[service_pb2.Frame]:
        """The frames of whole parts, or of some entries of them, each asked for as in `log`."""
        left, last = list(parts), ""
        while left:
            request = pb.PullPartsRequest(release=name_of(release), parts=left, entry_ids=ids, one=True, after=last)
            after, last = last, ""
            async with aclosing(self._answers(self._stub.PullParts, request, STREAM_SECONDS)) as answers:
                async for answer in answers:
                    yield answer.frame
                    last = answer.last
            if last in ("", after):
                return
            left = _from_part_of(last, left)

    async def _answers(self, method: Any, request: Message, seconds: float) -> AsyncGenerator[Any, None]:
        """What a member streams, counted; the call ends with who reads it."""
        self.wire_bytes += request.ByteSize()
        call = method(request, timeout=seconds)
        try:
            async for answer in call:
                self._count(answer.ByteSize())
                yield answer
        finally:
            call.cancel()

    def _count(self, size: int) -> None:
        self.wire_bytes += size
        self.frame_bytes += size


def _from_part_of(entry_id: str, parts: Sequence[str]) -> list[str]:
    """The parts from that of an entry on; none if it is in none of them."""
    bucket = bucket_of(entry_id)
    return list(dropwhile(lambda part: not bucket.startswith(part), parts))
