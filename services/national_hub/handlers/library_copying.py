"""What nodes copy from the hub: its checkpoint, signed anew in good time, also for parts of the library; and differences of texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from grpc.aio import ServicerContext
from sqlalchemy import Connection

from twelve333.adapters.library_reading import held_release
from twelve333.adapters.library_serving import LibraryCopyHandlers
from twelve333.adapters.signing.documents import key_id, public_bytes, sign
from twelve333.adapters.sql import library as replica
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import copying_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.library import codes
from twelve333.core.library.checkpoint import canonical_bytes
from twelve333.core.library.copying import due_for_signing
from twelve333.core.library.model import NO_ROOT, Release, Scope
from twelve333.core.library.tree import Tree
from twelve333.wire.documents import document_to_wire

from ..context import HubContext
from ..store import library as store
from .library_recovery import compared

PURPOSE = "library"

log = logger("library")


class HubCopyHandlers(LibraryCopyHandlers):
    """See `LibraryCopyService`; a node that asks also tells whether something was lost here."""

    def __init__(self, hub: HubContext) -> None:
        super().__init__(hub.database, store.tables, codes.NOTHING_PUBLISHED, signed=_signer(hub), texts=store.texts_at)
        self._hub = hub

    async def GetCheckpoint(
        self, request: pb.GetCheckpointRequest, context: ServicerContext[pb.GetCheckpointRequest, pb.GetCheckpointResponse]
    ) -> pb.GetCheckpointResponse:
        """Give the checkpoint, and compare."""
        theirs = (request.held.epoch, request.held.number)
        try:
            answer = await super().GetCheckpoint(request, context)
        except Refused:
            await compared(self._hub, (0, 0), theirs)
            raise
        if not self._hub.recovery.library_settled:
            present = await self._hub.database.read(lambda tx: held_release(tx, store.tables))
            await compared(self._hub, (present[0].epoch, present[0].number) if present else (0, 0), theirs)
        return answer


async def renew_checkpoint(hub: HubContext) -> bool:
    """Sign the present checkpoint anew if its time is half over or the key was exchanged; whether that was done.

    Nodes fetch it with their next question.
    """

    ours = key_id(public_bytes(hub.documents))

    def work(tx: Connection) -> bool:
        present, now, valid = held_release(tx, store.tables), hub.clock(), hub.settings.library.valid
        if present is None:
            return False
        other_key = common_pb2.SignedDocument.FromString(present[1].document).key_id != ours
        if not other_key and not due_for_signing(present[0], now, valid):
            return False
        release = replace(present[0], expires_at=now + valid)
        replica.renew_release(tx, store.tables, release.epoch, release.number, _document(hub, release).SerializeToString())
        return True

    return await hub.database.write(work)


def _signer(hub: HubContext) -> Callable[[Release, Scope, Tree], common_pb2.SignedDocument]:
    """Signs the checkpoint of a part of the library: its own root, and its place in the line of all."""

    def signed(whole: Release, scope: Scope, tree: Tree) -> common_pb2.SignedDocument:
        return _document(hub, replace(whole, scope=scope, root=tree.root, entry_count=tree.count, previous_root=NO_ROOT))

    return signed


def _document(hub: HubContext, release: Release) -> common_pb2.SignedDocument:
    return document_to_wire(sign(canonical_bytes(release), PURPOSE, release.number, hub.documents))
