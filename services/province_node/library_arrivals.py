"""Receives frames ahead of those that are being written, so that the line is not idle meanwhile; each is kept as soon as it is here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Final

from twelve333.adapters.sql.database import Database
from twelve333.api.library.v1 import service_pb2 as pb

from .store import library_frames as store

AHEAD: Final = 2  # frames that wait to be written

Arrivals = asyncio.Queue[tuple[int, pb.Frame] | None]


async def arriving(database: Database, frames: AsyncGenerator[pb.Frame, None], *, log: bool) -> AsyncGenerator[tuple[int, pb.Frame], None]:
    """The frames with the positions under which they are kept; whoever has written one forgets it.

    Args:
        database: where they are kept; nothing is kept there yet.
        frames: as they come over the line; what goes wrong with it is raised after what had come before.
        log: whether they are of the log, or of parts.
    """
    arrivals, room = Arrivals(), asyncio.Semaphore(AHEAD)
    receiving = asyncio.create_task(_receive(database, frames, arrivals, room, log))
    receiving.add_done_callback(lambda _: arrivals.put_nowait(None))
    try:
        while (arrival := await arrivals.get()) is not None:
            room.release()
            yield arrival
        await receiving
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def _receive(
    database: Database, frames: AsyncGenerator[pb.Frame, None], arrivals: Arrivals, room: asyncio.Semaphore, log: bool
) -> None:
    position = 0
    async with aclosing(frames):
        async for frame in frames:
            position += 1
            await database.write(partial(store.keep, position=position, frame=frame.SerializeToString(), log=log))
            await room.acquire()
            arrivals.put_nowait((position, frame))
