"""Lets others copy a replica, the same at the hub and at every node: its checkpoint, its tree, its log, whole parts of it.

Everything is read in one view of the database that holds the release asked about; when another one came into use meanwhile the answer is
a refusal, and the caller, who loses nothing, asks for the checkpoint again. Frames that many ask for are packed once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final, TypeVar

from grpc.aio import ServicerContext
from opentelemetry import metrics
from sqlalchemy import Connection

from ..api.common.v1 import common_pb2
from ..api.library.v1 import copying_pb2 as pb
from ..api.library.v1 import copying_pb2_grpc, service_pb2
from ..core.decision import Code, Refusal, Refused, refuse
from ..core.library import codes
from ..core.library.merkle import BUCKET_HEX_DIGITS
from ..core.library.model import EVERYTHING, Change, Release, Scope
from ..core.library.tree import PART_HEX_DIGITS, Tree, is_part
from ..wire.library_copying import expiry_of, leaf_to_wire, scope_from_wire
from ..wire.library_frames import FRAME_CHANGES_MAX, Texts, fitting, frames
from .library_reading import held_release
from .library_traffic import Pace, unpaced
from .sql import library_log as log
from .sql.database import Database
from .sql.library import HeldRelease
from .sql.library_tables import LibraryTables

TREES_MAX: Final = 8
PAGES_MAX: Final = 64
PARTS_MAX: Final = 4096
IDS_MAX: Final = 1000

_meter = metrics.get_meter("twelve333.library")
_sent = _meter.create_counter("twelve333.library.sent_bytes", unit="By", description="Bytes of frames sent to who copies from here.")

K = TypeVar("K")
V = TypeVar("V")
Key = tuple[int, int, Scope]
Signed = Callable[[Release, Scope, Tree], common_pb2.SignedDocument]
Held = Callable[[Connection, int, list[Change]], Texts]


class LibraryCopyHandlers(copying_pb2_grpc.LibraryCopyServiceServicer):
    """See `LibraryCopyService`.

    Args:
        database, tables: the replica.
        nothing: the code to refuse with while there is no release.
        signed: signs the checkpoint of a part of the library (hub); None: only what this replica holds is passed on.
        texts: reads the texts that a caller holds who has everything up to a sequence (hub), so that differences are sent.
        pace: waits until so many bytes may be sent.
    """

    def __init__(
        self,
        database: Database,
        tables: LibraryTables,
        nothing: Code,
        *,
        signed: Signed | None = None,
        texts: Held = lambda tx, after, changes: {},
        pace: Pace = unpaced,
    ) -> None:
        self._database, self._tables, self._nothing = database, tables, nothing
        self._signed, self._texts, self._pace = signed, texts, pace
        self._trees: OrderedDict[Key, Tree] = OrderedDict()
        self._pages: OrderedDict[tuple[Key, int, bool], tuple[list[service_pb2.Frame], int]] = OrderedDict()

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: ServicerContext[pb.GetCheckpointRequest, pb.GetCheckpointResponse]
    ) -> pb.GetCheckpointResponse:
        """Give the checkpoint, or nothing if the caller has it."""
        scope = accepted_scope(request.held.scope)

        def work(tx: Connection) -> pb.GetCheckpointResponse:
            release, held = self._present(tx)
            told = (request.held.epoch, request.held.number, request.expires_at)
            if told == (release.epoch, release.number, expiry_of(release)) and (release.scope == scope or self._signed):
                return pb.GetCheckpointResponse()
            if release.scope == scope:
                document = common_pb2.SignedDocument.FromString(held.document)
            elif self._signed:
                document = self._signed(release, scope, self._tree(tx, release, scope))
            else:
                raise Refused(refuse(codes.SCOPE_NOT_HELD))
            return pb.GetCheckpointResponse(release=document, horizon=held.horizon)

        return await self._database.read(work)

    async def GetDigests(
        self, request: pb.GetDigestsRequest, context: ServicerContext[pb.GetDigestsRequest, pb.GetDigestsResponse]
    ) -> pb.GetDigestsResponse:
        """Give digests below a part, or the leaves of a bucket."""
        part, depth = request.part, request.depth or 1
        bucket = len(part) == BUCKET_HEX_DIGITS
        if not is_part(part) or depth > PART_HEX_DIGITS or (not bucket and len(part) + depth > BUCKET_HEX_DIGITS):
            raise Refused(refuse(codes.PART_MALFORMED, part=part[:8]))
        tree = await self._database.read(lambda tx: self._asked(tx, request.release)[1])
        if bucket:
            return pb.GetDigestsResponse(leaves=map(leaf_to_wire, tree.leaves(part)))
        return pb.GetDigestsResponse(digests=b"".join(tree.below(part, len(part) + depth)))

    async def PullLog(
        self, request: pb.PullLogRequest, context: ServicerContext[pb.PullLogRequest, pb.PullLogResponse]
    ) -> AsyncIterator[pb.PullLogResponse]:
        """Stream the log after a sequence, a frame at a time, or give the next frame of it."""
        after, only_one = request.after, request.one or request.urgent
        while True:
            page, last = await self._database.read(partial(self._page, name=request.release, after=after, urgent=request.urgent))
            for frame in page:
                await self._send(frame)
                yield pb.PullLogResponse(frame=frame, last=last)
            if last == after or only_one:
                return
            after = last

    async def PullParts(
        self, request: pb.PullPartsRequest, context: ServicerContext[pb.PullPartsRequest, pb.PullPartsResponse]
    ) -> AsyncIterator[pb.PullPartsResponse]:
        """Stream whole parts, in the order asked for, or give the next frame of them."""
        parts, wanted = list(request.parts), set(request.entry_ids)
        if len(parts) > PARTS_MAX or len(wanted) > IDS_MAX or not all(part and is_part(part) for part in parts):
            raise Refused(refuse(codes.PART_MALFORMED, part=(parts or [""])[0][:8]))
        tree = await self._database.read(lambda tx: self._asked(tx, request.release)[1])
        ids = [leaf.entry_id for part in parts for leaf in tree.leaves(part) if not wanted or leaf.entry_id in wanted]
        ids = ids[ids.index(request.after) + 1 :] if request.after in ids else ids
        while ids:
            packed, last, ids = await self._database.read(partial(self._next_entries, name=request.release, ids=ids))
            for frame in packed:
                await self._send(frame)
                yield pb.PullPartsResponse(frame=frame, last=last if ids else "")
            if request.one:
                return

    async def _send(self, frame: service_pb2.Frame) -> None:
        size = len(frame.payload)
        await self._pace(size)
        _sent.add(size)

    def _page(self, tx: Connection, name: pb.ReleaseName, after: int, urgent: bool) -> tuple[list[service_pb2.Frame], int]:
        """A frame with the next changes of the log, or of what is urgent among them, and the sequence that it goes to; none at the end."""
        release, horizon = self._checked(tx, name)
        if after < horizon:
            raise Refused(refuse(codes.BEYOND_HORIZON, horizon=horizon, after=after))
        scope = accepted_scope(name.scope)
        key = ((release.epoch, release.number, scope), after, urgent)
        if key not in self._pages:
            only = release.last_urgent if urgent else 0
            changes = next(fitting(log.log_after(tx, self._tables, scope, after, FRAME_CHANGES_MAX, only)), [])
            held = self._texts(tx, after, changes) if scope == EVERYTHING else {}  # of a part it may not have been there
            packed = list(frames(changes, held=held))
            _remember(self._pages, key, (packed, changes[-1].sequence if changes else after), PAGES_MAX)
        return self._pages[key]

    def _next_entries(self, tx: Connection, name: pb.ReleaseName, ids: list[str]) -> tuple[list[service_pb2.Frame], str, list[str]]:
        """A frame with as many of the entries as fit, the last of them, and those that are left; packed here, where nobody waits for it."""
        self._checked(tx, name)
        group = next(fitting(log.each_by_id(tx, self._tables, ids)), [])
        last = group[-1].entry_id if group else ""
        return list(frames(group)), last, ids[ids.index(last) + 1 :] if group else []

    def _asked(self, tx: Connection, name: pb.ReleaseName) -> tuple[Release, Tree]:
        """The release asked about, and its tree."""
        release, _ = self._checked(tx, name)
        return release, self._tree(tx, release, accepted_scope(name.scope))

    def _checked(self, tx: Connection, name: pb.ReleaseName) -> tuple[Release, int]:
        """The release held, if it is the one asked about and covers what is asked for; and the horizon."""
        release, held = self._present(tx)
        if (release.epoch, release.number) != (name.epoch, name.number):
            raise Refused(refuse(codes.RELEASE_NOT_HELD, number=name.number, held=release.number))
        if release.scope not in (EVERYTHING, accepted_scope(name.scope)):
            raise Refused(refuse(codes.SCOPE_NOT_HELD))
        return release, held.horizon

    def _tree(self, tx: Connection, release: Release, scope: Scope) -> Tree:
        key = (release.epoch, release.number, scope)
        tree = self._trees.get(key)
        if tree is None:
            tree = Tree.of(log.scoped_leaves(tx, self._tables, scope))
            _remember(self._trees, key, tree, TREES_MAX)
        return tree

    def _present(self, tx: Connection) -> tuple[Release, HeldRelease]:
        present = held_release(tx, self._tables)
        if present is None:
            raise Refused(refuse(self._nothing))
        return present


def accepted_scope(message: pb.LibraryScope) -> Scope:
    """A scope as asked for.

    Raises:
        Refused: LIBRARY_SCOPE_TOO_WIDE.
    """
    scope = scope_from_wire(message)
    if isinstance(scope, Refusal):
        raise Refused(scope)
    return scope


def _remember(kept: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    """Keep what was used last; several threads may do so at once, and at worst something is made twice."""
    kept[key] = value
    while len(kept) > most:
        kept.popitem(last=False)
