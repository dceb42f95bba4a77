"""The classification as a replica holds it, and how many entries count under each of the ministry's codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from grpc.aio import ServicerContext
from sqlalchemy import Connection, select

from ..api.library.v1 import mapping_pb2 as pb
from ..api.library.v1 import mapping_pb2_grpc
from ..core.library.model import Entry, EntryKind
from ..core.library.topics import Classification, TopicCode, classification_of
from ..data.resources import topic_table
from .sql.database import Database
from .sql.library import decoded
from .sql.library_tables import LibraryTables


def topic_entries(tx: Connection, tables: LibraryTables) -> list[Entry]:
    """The tables of codes that are in the library."""
    e, c = tables.library_entries, tables.library_contents
    query = select(c.c.content).join(e, e.c.row_id == c.c.row_id).where(e.c.kind == EntryKind.TOPICS.value)
    return [decoded(bytes(content)) for content in tx.execute(query).scalars()]


def classification(tx: Connection, tables: LibraryTables, coming: Iterable[Entry] = (), gone: Iterable[str] = ()) -> Classification:
    """The classification in use.

    Args:
        coming: tables that are about to be published.
        gone: ids of entries that are about to be removed.
    """
    held = {entry.id: entry for entry in topic_entries(tx, tables)}
    held |= {entry.id: entry for entry in coming if entry.kind is EntryKind.TOPICS}
    for entry_id in gone:
        held.pop(entry_id, None)
    return classification_of(held.values(), topic_table())


class LibraryTopics(mapping_pb2_grpc.LibraryTopicServiceServicer):
    """The part of `LibraryTopicService` that a node has too.

    Args:
        database, tables: the replica.
    """

    def __init__(self, database: Database, tables: LibraryTables) -> None:
        self._database = database
        self._tables = tables

    async def ListTopics(
        self, request: pb.ListTopicsRequest, context: ServicerContext[pb.ListTopicsRequest, pb.ListTopicsResponse]
    ) -> pb.ListTopicsResponse:
        """List the classification, rolled up to the national view."""
        return pb.ListTopicsResponse(topics=await self._database.read(self._list))

    def _list(self, tx: Connection) -> list[pb.Topic]:
        known, e = classification(tx, self._tables), self._tables.library_entries.c
        counts: Counter[str] = Counter()
        for topics in tx.execute(select(e.topics)).scalars():
            counts.update({known.roll_up(topic) for topic in topics.split()})
        return [_topic(one, known, counts) for _, one in sorted(known.codes.items())]


def _topic(one: TopicCode, known: Classification, counts: Counter[str]) -> pb.Topic:
    becomes: Sequence[str] = one.becomes
    rolls = known.roll_up(one.code)
    return pb.Topic(code=one.code, name=one.name, status=one.status.value, becomes=becomes, rolls_up_to=rolls, entries=counts[one.code])
