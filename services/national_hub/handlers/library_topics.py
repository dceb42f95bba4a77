"""Which codes entries wait for, and what they mean; a map publishes at once what waited for nothing else."""

from __future__ import annotations

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_topics import classification
from twelve333.api.library.v1 import mapping_pb2 as pb
from twelve333.api.library.v1 import mapping_pb2_grpc
from twelve333.core.decision import Refused, refuse
from twelve333.core.ids import is_province_code
from twelve333.core.library import codes
from twelve333.core.library.messages import Publish
from twelve333.core.library.model import NATIONAL
from twelve333.wire.library import item_from_content
from twelve333.wire.times import to_timestamp

from ..context import HubContext
from ..store import library_mapping as store
from ..store.library import tables
from .library import publish_items

EXAMPLES_MAX = 20


class LibraryMappingHandlers(mapping_pb2_grpc.LibraryMappingServiceServicer):
    """See `LibraryMappingService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def ListUnmapped(
        self, request: pb.ListUnmappedRequest, context: ServicerContext[pb.ListUnmappedRequest, pb.ListUnmappedResponse]
    ) -> pb.ListUnmappedResponse:
        """List the codes that entries wait for."""
        return pb.ListUnmappedResponse(unmapped=await self._hub.database.read(_unmapped))

    async def MapTopic(
        self, request: pb.MapTopicRequest, context: ServicerContext[pb.MapTopicRequest, pb.MapTopicResponse]
    ) -> pb.MapTopicResponse:
        """Keep a map, and publish what waited for it."""
        hub, now = self._hub, self._hub.clock()

        def work(tx: Connection) -> pb.MapTopicResponse:
            _check(tx, request)
            store.keep_map(tx, request.province, request.topic, request.to, now)
            waited = store.waiting(tx, request.topic)
            items = tuple(item_from_content(bytes(row.content)) for row in waited)
            outcome = publish_items(hub, tx, Publish(items), now)
            left = {row.entry_id for row in store.waiting(tx)}
            done = sum(1 for row in waited if row.entry_id not in left)
            return pb.MapTopicResponse(
                published=done, waiting=len(waited) - done, release=outcome.release.number if outcome.release and done else 0
            )

        return await hub.audit.write("library.map", request.topic[:64], work)


def _check(tx: Connection, request: pb.MapTopicRequest) -> None:
    """A map leads to a code in use, for a province or for all.

    Raises:
        Refused: LIBRARY_TOPIC_UNKNOWN, LIBRARY_REGION_MALFORMED.
    """
    if not classification(tx, tables).accepts(request.to) or not request.topic:
        raise Refused(refuse(codes.TOPIC_UNKNOWN, topic=request.to[:32]))
    if request.province not in (store.ANY_PROVINCE, NATIONAL) and not is_province_code(request.province):
        raise Refused(refuse(codes.REGION_MALFORMED, region=request.province[:32]))


def _unmapped(tx: Connection) -> list[pb.Unmapped]:
    found: dict[tuple[str, str], pb.Unmapped] = {}
    for row in store.waiting(tx):
        for topic in row.topics.split("\n"):
            key = row.province, topic
            if key not in found:
                found[key] = pb.Unmapped(topic=topic, province=row.province, since=to_timestamp(row.received_at))
            one = found[key]
            one.entries += 1
            if len(one.examples) < EXAMPLES_MAX:
                one.examples.append(row.entry_id)
            if to_timestamp(row.received_at).ToNanoseconds() < one.since.ToNanoseconds():
                one.since.CopyFrom(to_timestamp(row.received_at))
    return [found[key] for key in sorted(found)]
