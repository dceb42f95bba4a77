"""A node that copies the library, in a process of its own as in service: one line of JSON a turn, the next turn at each line of input."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import structlog

from province_node.context import NodeContext
from province_node.library import LibraryPull
from province_node.library_source import Source
from province_node.store import delivery_of
from twelve333.adapters.clock import system_clock
from twelve333.adapters.rpc.credentials import channel_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.sql import open_database
from twelve333.core.ids import HUB
from twelve333.core.library.model import EVERYTHING


async def run(path: Path, address: str, certificate: Path, key: bytes, turns: int) -> None:
    """Copy what is new so many times; each line tells the seconds until it was in use, the number, and the bytes of a poll after it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    database, outbox, unused = open_database(f"sqlite:///{path}"), delivery_of("350000").outbox, cast("Any", None)
    if not await database.read(outbox.epoch):
        await database.write(lambda tx: outbox.begin_epoch(tx, system_clock()))
    peers = Peers(lambda _member: address, channel_credentials(certificate))
    node = NodeContext(unused, database, outbox, system_clock, unused, peers, key)
    pull = LibraryPull(node)
    for turn in range(turns):
        if turn:
            await asyncio.to_thread(sys.stdin.readline)
        started = perf_counter()
        async with pull.lock:
            new = await pull.copy_from(HUB)
        seconds, held, source = perf_counter() - started, await pull.held(), Source(peers, HUB)
        await source.checkpoint(held, EVERYTHING)
        told = {"new": new, "seconds": seconds, "number": held.number if held else 0, "poll": source.wire_bytes}
        print(json.dumps(told), flush=True)
        await pull.step()  # sweeps
    await peers.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), bytes.fromhex(sys.argv[4]), int(sys.argv[5])))
