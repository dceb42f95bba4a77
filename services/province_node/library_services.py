"""What of the library's content a node offers besides reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from twelve333.adapters.library_blobs import LibraryBlobs
from twelve333.adapters.library_demand import LibraryDemandHandlers
from twelve333.adapters.library_playing import LibraryPlaying, Told
from twelve333.adapters.library_topics import LibraryTopics
from twelve333.adapters.rpc.server import Register
from twelve333.api.library.v1 import blobs_pb2_grpc, demand_pb2_grpc, history_pb2_grpc, mapping_pb2_grpc
from twelve333.core.ids import HUB

from .case_steps import serving_members
from .context import NodeContext
from .handlers.library_history import LibraryHistoryHandlers
from .library_files import LibraryFiles
from .store import demand
from .store.library import playing, tables


def library_desk_services(node: NodeContext, files: LibraryFiles) -> Sequence[Register]:
    """For the province's own desks and operators."""

    def tell(tx: Connection, event: Told, now: datetime) -> None:
        node.outbox.append(tx, destination=HUB, message=event, now=now)

    def serving(tx: Connection) -> Mapping[str, str]:
        directory = node.directory.current
        return serving_members(directory, {unit.code for unit in directory.units})

    blobs = LibraryBlobs(node.database, tables, node.clock, files.fetch_for)
    played = LibraryPlaying(node.database, tables, playing, node.clock, serving, node.province, tell)
    asked = LibraryDemandHandlers(node.database, demand.listing, node.clock)
    return [
        partial(history_pb2_grpc.add_LibraryHistoryServiceServicer_to_server, LibraryHistoryHandlers(node)),
        partial(blobs_pb2_grpc.add_LibraryBlobServiceServicer_to_server, blobs),
        partial(blobs_pb2_grpc.add_LibraryPlayingServiceServicer_to_server, played),
        partial(mapping_pb2_grpc.add_LibraryTopicServiceServicer_to_server, LibraryTopics(node.database, tables)),
        partial(demand_pb2_grpc.add_LibraryDemandServiceServicer_to_server, asked),
    ]
