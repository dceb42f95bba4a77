"""What a node does with the library besides reading it: copies it in the background, and lets others copy from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from twelve333.adapters.library_serving import LibraryCopyHandlers
from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.rpc.server import Register
from twelve333.adapters.runner import Background
from twelve333.adapters.sql.delivery import Applier
from twelve333.api.library.v1 import checking_pb2_grpc, copying_pb2_grpc
from twelve333.core.library import codes
from twelve333.core.library.copying import Lane

from .context import NodeContext
from .handlers.library import on_release_announced
from .handlers.library_check import LibraryCheckHandlers
from .library import LibraryPull
from .library_check import LibraryCheck
from .store import library as store


class LibraryWork:
    """The parts of it, put together once.

    Args:
        node: its ports.
    """

    def __init__(self, node: NodeContext) -> None:
        settings = node.settings.library
        self._node = node
        self.traffic = Traffic(settings.line, node.clock)
        kept = timedelta(days=settings.removals_kept_days)
        self.pull = LibraryPull(node, settings.scope, self.traffic, self.others, kept)
        self.background = Background("library", self.pull.step, node.settings.hub.sync_seconds)

    def others(self) -> Sequence[str]:
        """Provinces that are members now."""
        directory = self._node.directory
        names = [member.name for member in directory.current.members if member.name != self._node.province]
        return [name for name in names if not directory.revocations.covers(name)]

    def peer_services(self) -> Sequence[Register]:
        """What other provinces are offered: a copy, within the caps of the line."""
        served = LibraryCopyHandlers(self._node.database, store.tables, codes.NOTHING_APPLIED, pace=partial(self.traffic.turn, Lane.BULK))
        return [partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, served)]

    def desk_services(self) -> Sequence[Register]:
        """What the province's own operators are offered."""
        check = LibraryCheckHandlers(LibraryCheck(self._node, self.pull, self.others))
        return [partial(checking_pb2_grpc.add_LibraryCheckServiceServicer_to_server, check)]

    def on_announced(self) -> Applier:
        """What an announcement of the hub sets going."""
        return on_release_announced(self.background.wake, self.traffic.hurry)
