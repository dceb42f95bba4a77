"""What of the library's content a node offers besides reading."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twelve333.adapters.rpc.server import Register
from twelve333.api.library.v1 import history_pb2_grpc

from .context import NodeContext
from .handlers.library_history import LibraryHistoryHandlers


def library_desk_services(node: NodeContext) -> Sequence[Register]:
    """For the province's own desks and operators."""
    return [partial(history_pb2_grpc.add_LibraryHistoryServiceServicer_to_server, LibraryHistoryHandlers(node))]
