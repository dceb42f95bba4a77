"""What of the library's content the hub offers besides reading, publishing and copying."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from twelve333.adapters.library_blobs import LibraryBlobs
from twelve333.adapters.library_demand import LibraryDemandHandlers
from twelve333.adapters.library_playing import LibraryPlaying
from twelve333.adapters.library_topics import LibraryTopics
from twelve333.adapters.rpc.server import Register
from twelve333.adapters.sql.delivery import Inbound
from twelve333.adapters.sql.library_playing import Played, keep_playing
from twelve333.api.library.v1 import blobs_pb2, blobs_pb2_grpc, demand_pb2_grpc, history_pb2_grpc, mapping_pb2_grpc
from twelve333.wire.times import from_timestamp

from .context import HubContext
from .handlers.library_history import LibraryHistoryHandlers
from .handlers.library_topics import LibraryMappingHandlers
from .store import demand, registration
from .store.library import playing, tables


def library_services(hub: HubContext) -> Sequence[Register]:
    """For members and operators."""
    blobs = LibraryBlobs(hub.database, tables, hub.clock)
    played = LibraryPlaying(hub.database, tables, playing, hub.clock, registration.serving)
    return [
        partial(history_pb2_grpc.add_LibraryHistoryServiceServicer_to_server, LibraryHistoryHandlers(hub)),
        partial(blobs_pb2_grpc.add_LibraryBlobServiceServicer_to_server, blobs),
        partial(blobs_pb2_grpc.add_LibraryPlayingServiceServicer_to_server, played),
        partial(mapping_pb2_grpc.add_LibraryTopicServiceServicer_to_server, LibraryTopics(hub.database, tables)),
        partial(mapping_pb2_grpc.add_LibraryMappingServiceServicer_to_server, LibraryMappingHandlers(hub)),
        partial(demand_pb2_grpc.add_LibraryDemandServiceServicer_to_server, LibraryDemandHandlers(hub.database, demand.listing, hub.clock)),
    ]


def keep_told_playing(tx: Connection, inbound: Inbound, now: datetime) -> None:
    """Remember what a node plays for a prompt (`PromptPlaying`)."""
    told = blobs_pb2.PromptPlaying.FromString(inbound.message)
    at = min(from_timestamp(told.reported_at), now)
    keep_playing(tx, playing, Played(inbound.origin, told.entry_id[:64], told.digest[:32], at))


def keep_told_unit_playing(tx: Connection, inbound: Inbound, now: datetime) -> None:
    """Remember what a unit plays for a prompt (`UnitPromptPlaying`); a unit that the node does not serve is not its to tell of."""
    told = blobs_pb2.UnitPromptPlaying.FromString(inbound.message)
    unit = registration.load_unit(tx, told.unit)
    if unit is None or unit.member != inbound.origin:
        return
    at = min(from_timestamp(told.reported_at), now)
    keep_playing(tx, playing, Played(inbound.origin, told.entry_id[:64], told.digest[:32], at, unit.code))
