"""What of the library's content the hub offers besides reading, publishing and copying."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twelve333.adapters.rpc.server import Register
from twelve333.api.library.v1 import history_pb2_grpc

from .context import HubContext
from .handlers.library_history import LibraryHistoryHandlers


def library_services(hub: HubContext) -> Sequence[Register]:
    """For members and operators."""
    return [partial(history_pb2_grpc.add_LibraryHistoryServiceServicer_to_server, LibraryHistoryHandlers(hub))]
