"""Gets back from a node the release that a hub which was put back to a backup had published since.

A node that is offered an older release than it holds hands its own back, as the hub signed it. Until one node has compared, a restored
hub publishes nothing: a release under a new epoch would take from every node what only the nodes still have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_reading import held_release
from twelve333.adapters.rpc.access import current_caller
from twelve333.adapters.sql import library as replica
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import recovery_pb2 as pb
from twelve333.api.library.v1 import recovery_pb2_grpc
from twelve333.core.decision import Refusal, Refused, accepted, refuse
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import parse_release
from twelve333.core.library.messages import ReleaseAnnounced
from twelve333.core.library.model import EVERYTHING, Change, Release
from twelve333.core.library.recovery import taken_back
from twelve333.core.library.rules import PUBLICATION_ITEMS_MAX
from twelve333.wire import library as wire
from twelve333.wire.library_frames import unpack

from ..context import HubContext
from ..store import library as store
from ..store import recovery, registration

PURPOSE = "library"
BYTES_MAX = 256 << 20

log = logger("library")


class LibraryReturnHandlers(recovery_pb2_grpc.LibraryReturnServiceServicer):
    """See `LibraryReturnService`."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def ReturnRelease(
        self,
        request_iterator: AsyncIterator[pb.ReturnReleaseRequest],
        context: ServicerContext[pb.ReturnReleaseRequest, pb.ReturnReleaseResponse],
    ) -> pb.ReturnReleaseResponse:
        """Take a release whole that was lost here."""
        hub, caller, now = self._hub, current_caller().member, self._hub.clock()
        document = (await anext(request_iterator)).release
        payload = hub.verify_own(document, PURPOSE)
        release = parse_release(payload)
        if isinstance(release, Refusal):
            raise Refused(release)
        if release.scope != EVERYTHING:
            raise Refused(refuse(codes.WRONG_SCOPE, number=release.number))
        entries = [change async for change in _entries(request_iterator)]

        def keep(tx: Connection) -> int:
            entered = _keep(tx, release, document, entries)
            recovery.settle_library(tx, now)
            announced = wire.announced_to_wire(ReleaseAnnounced(release.epoch, release.number, release.root, release.made_at))
            for member in registration.member_names(tx):
                hub.outbox.append(tx, destination=member, message=announced, now=now)
            return entered

        entered = await hub.audit.write("library.recover", caller, keep)
        hub.recovery.library_settled = True
        log.warning("release recovered from a member", member=caller, release=release.number, count=entered)
        return pb.ReturnReleaseResponse(number=release.number, entered=entered)


async def compared(hub: HubContext, ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    """A node has asked for changes: if it holds nothing later than we do, nothing was lost and we may publish again."""
    if not hub.recovery.library_settled and theirs <= ours:
        await hub.database.write(lambda tx: recovery.settle_library(tx, hub.clock()))
        hub.recovery.library_settled = True


def refuse_unsettled(hub: HubContext, tx: Connection) -> None:
    """Publish nothing that could displace what only the nodes still have.

    Raises:
        Refused: LIBRARY_RECOVERY_PENDING.
    """
    if not hub.recovery.library_settled and registration.member_names(tx):
        raise Refused(refuse(codes.RECOVERY_PENDING))


async def _entries(stream: AsyncIterator[pb.ReturnReleaseRequest]) -> AsyncIterator[Change]:
    """The entries of all frames, within bounds."""
    size = count = 0
    async for message in stream:
        size += message.ByteSize()
        batch = unpack(message.frame)
        if isinstance(batch, Refusal):
            raise Refused(batch)
        count += len(batch)
        if size > BYTES_MAX or count > PUBLICATION_ITEMS_MAX:
            raise Refused(refuse(codes.PUBLICATION_TOO_LARGE, limit=PUBLICATION_ITEMS_MAX))
        for change in batch:
            yield change


def _keep(tx: Connection, release: Release, document: common_pb2.SignedDocument, entries: list[Change]) -> int:
    """Decide and keep; how many entries were lost."""
    present = held_release(tx, store.tables)
    changes = accepted(taken_back(present[0] if present else None, replica.leaves(tx, store.tables), release, entries)).state
    store.keep(tx, changes, release, document.SerializeToString())
    return len(changes)
