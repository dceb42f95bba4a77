"""What a node does with the library besides reading it: copies it and its files in the background, and lets others copy from here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from twelve333.adapters.library_blobs import LibraryBlobs
from twelve333.adapters.library_reading import Counted
from twelve333.adapters.library_serving import LibraryCopyHandlers
from twelve333.adapters.library_traffic import Traffic
from twelve333.adapters.library_unused import EVERY_SECONDS, UnusedPieces
from twelve333.adapters.rpc.server import Register
from twelve333.adapters.runner import Background
from twelve333.adapters.sql.delivery import Applier
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.api.library.v1 import blobs_pb2_grpc, checking_pb2_grpc, copying_pb2_grpc
from twelve333.core.library import codes
from twelve333.core.library.copying import Lane

from .context import NodeContext
from .handlers.library import library_handlers, on_release_announced
from .handlers.library_check import LibraryCheckHandlers
from .handlers.supplements import SupplementedReading
from .library import LibraryPull
from .library_check import LibraryCheck
from .library_files import LibraryFiles
from .library_services import library_desk_services
from .store import library as store
from .store import proposals


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
        self.shelf = Shelf(store.tables, proposals.words_beside)
        self.pull = LibraryPull(node, settings.scope, self.traffic, self.others, kept, self.shelf.catch_up)
        self.files, every = LibraryFiles(node, self.traffic), node.settings.hub.sync_seconds
        self._pulling = Background("library", self.pull.step, every)
        unused = UnusedPieces(node.database, store.tables, node.clock, kept)
        fetching = Background("library files", self.files.step, every)
        self.backgrounds = [self._pulling, fetching, Background("unused library files", unused.step, EVERY_SECONDS)]

    def reading(self, counted: Counted) -> SupplementedReading:
        """The library as desks read it; from then on what a search needs is learnt before it is asked."""
        reading = library_handlers(self._node, counted, self.shelf)
        self.backgrounds.append(reading.background)
        return reading

    def others(self) -> Sequence[str]:
        """Provinces that are members now."""
        directory = self._node.directory
        names = [member.name for member in directory.current.members if member.name != self._node.province]
        return [name for name in names if not directory.revocations.covers(name)]

    def peer_services(self) -> Sequence[Register]:
        """What other provinces are offered: a copy, and pieces of files that are here, within the caps of the line."""
        database, pace = self._node.database, partial(self.traffic.turn, Lane.BULK)
        served = LibraryCopyHandlers(database, store.tables, codes.NOTHING_APPLIED, pace=pace)
        blobs = LibraryBlobs(database, store.tables, self._node.clock, pace=pace)
        return [
            partial(copying_pb2_grpc.add_LibraryCopyServiceServicer_to_server, served),
            partial(blobs_pb2_grpc.add_LibraryBlobServiceServicer_to_server, blobs),
        ]

    def desk_services(self) -> Sequence[Register]:
        """What the province's own desks and operators are offered."""
        check = LibraryCheckHandlers(LibraryCheck(self._node, self.pull, self.others))
        checking = partial(checking_pb2_grpc.add_LibraryCheckServiceServicer_to_server, check)
        return [checking, *library_desk_services(self._node, self.files)]

    def on_announced(self) -> Applier:
        """What an announcement of the hub sets going."""
        return on_release_announced(self._pulling.wake, self.traffic.hurry)
