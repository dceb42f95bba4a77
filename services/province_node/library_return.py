"""Gives a hub that was put back to a backup the release that it has signed since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import grpc
from sqlalchemy import Connection

from twelve333.adapters.sql import library as replica
from twelve333.adapters.sql import library_log as log_of
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.library.v1 import recovery_pb2 as pb
from twelve333.api.library.v1 import recovery_pb2_grpc
from twelve333.core.ids import HUB
from twelve333.core.library.model import Change
from twelve333.wire.library_frames import frames

from .context import NodeContext
from .store import library as store

RETURN_SECONDS: Final = 900.0
PIECE: Final = 200

log = logger("library")


async def hand_back(node: NodeContext) -> bool:
    """The hub offers less than it has signed: give it what we hold; False if it does not take it."""
    stub = recovery_pb2_grpc.LibraryReturnServiceStub(node.peers.channel(HUB))
    try:
        answer = await stub.ReturnRelease(_held_parts(node), timeout=RETURN_SECONDS)
    except grpc.aio.AioRpcError as error:
        log.warning("release not taken back by the hub", code=error.code().name)
        return False
    log.warning("release returned to the hub", release=answer.number, count=answer.entered)
    return True


async def _held_parts(node: NodeContext) -> AsyncIterator[pb.ReturnReleaseRequest]:
    """The release as it was signed, then every entry, read a page at a time; a release that comes meanwhile makes a wrong root."""
    held = await node.database.read(lambda tx: replica.last_release(tx, store.tables))
    if held is None:
        return
    yield pb.ReturnReleaseRequest(release=common_pb2.SignedDocument.FromString(held.document))
    after = ""
    while page := await node.database.read(partial(_page, after=after)):
        for frame in frames(page):
            yield pb.ReturnReleaseRequest(frame=frame)
        after = page[-1].entry_id


def _page(tx: Connection, after: str) -> list[Change]:
    ids = [held.entry_id for held in replica.page(tx, store.tables, after, PIECE)]
    return log_of.entries_by_id(tx, store.tables, ids)
