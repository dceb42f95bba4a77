"""The classification of the library, and bringing entries with unknown codes under it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..api.library.v1 import mapping_pb2 as pb
from ..api.library.v1 import mapping_pb2_grpc
from ..wire.times import from_timestamp
from .calls import Calls


@dataclass(frozen=True, slots=True)
class ListedTopic:
    """A code: its name, what became of it (in_use, deprecated, merged, split), the ministry's code it counts under, and how many entries do
    under this one."""

    code: str
    name: str
    status: str
    becomes: tuple[str, ...]
    rolls_up_to: str
    entries: int


@dataclass(frozen=True, slots=True)
class UnmappedTopic:
    """A code that nobody knows: of which province, how many entries wait for it, some of their ids, since when."""

    topic: str
    province: str
    entries: int
    examples: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class MappedTopic:
    """What became of entries that waited for a code; `release` is 0 if none was published."""

    published: int
    waiting: int
    release: int


class LibraryTopicsClient:
    """Typed calls of `LibraryTopicService` (hub and node) and `LibraryMappingService` (hub). Each may raise `ServiceError`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._topics = mapping_pb2_grpc.LibraryTopicServiceStub(calls.channel)
        self._mapping = mapping_pb2_grpc.LibraryMappingServiceStub(calls.channel)

    async def list(self) -> tuple[ListedTopic, ...]:
        """The classification, by code."""
        answer = await self._calls.unary(self._topics.ListTopics, pb.ListTopicsRequest())
        return tuple(ListedTopic(t.code, t.name, t.status, tuple(t.becomes), t.rolls_up_to, t.entries) for t in answer.topics)

    async def unmapped(self) -> tuple[UnmappedTopic, ...]:
        """The codes that entries wait for (hub, operators)."""
        answer = await self._calls.unary(self._mapping.ListUnmapped, pb.ListUnmappedRequest())
        return tuple(UnmappedTopic(u.topic, u.province, u.entries, tuple(u.examples), from_timestamp(u.since)) for u in answer.unmapped)

    async def map(self, topic: str, to: str, *, province: str = "") -> MappedTopic:
        """Say which code is meant by an unknown one (hub, operators).

        Args:
            topic: the unknown code.
            to: the code in use that is meant.
            province: whose old tree it is of; empty for all.
        """
        answer = await self._calls.unary(self._mapping.MapTopic, pb.MapTopicRequest(topic=topic, to=to, province=province))
        return MappedTopic(answer.published, answer.waiting, answer.release)
