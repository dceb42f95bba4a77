"""Nodes that copy the library, in a process of their own: one line of JSON a turn, the next turn at each line of input, which is a word
that all new texts hold."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import structlog
from sqlalchemy import Connection

from province_node.context import NodeContext
from province_node.library import LibraryPull
from province_node.library_source import Source
from province_node.store import delivery_of
from province_node.store import library as store
from twelve333.adapters.clock import system_clock
from twelve333.adapters.rpc.credentials import channel_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.runner import settle_in
from twelve333.adapters.signing.document_keys import DocumentKeys
from twelve333.adapters.sql import open_database
from twelve333.adapters.sql.library_shelf import Shelf
from twelve333.adapters.sql.search import Wanted, search
from twelve333.core.ids import HUB
from twelve333.core.library.model import EVERYTHING
from twelve333.core.library.search import Plan


async def run(paths: Sequence[Path], address: str, certificate: Path, key: bytes, turns: int) -> None:
    """Copy what is new so many times; each line tells the seconds until all have it in use and those of this process's processor, how many
    had news, and the bytes of a poll. A second line tells how many entries with the word each finds at least."""
    quietly()
    peers = Peers(lambda _member: address, channel_credentials(certificate))
    nodes = [await node_on(path, peers, key) for path in paths]
    pulls = [LibraryPull(node) for node in nodes]
    settle_in()
    for turn in range(turns):
        word = (await asyncio.to_thread(sys.stdin.readline)).strip() if turn else ""
        started, spent = perf_counter(), process_time()
        news = await asyncio.gather(*(_copy(pull) for pull in pulls))
        seconds, spent = perf_counter() - started, process_time() - spent
        held, source = await pulls[0].held(), Source(peers, HUB)
        await source.checkpoint(held, EVERYTHING)
        print(json.dumps({"new": sum(news), "seconds": seconds, "spent": spent, "poll": source.wire_bytes}), flush=True)
        if word:
            found = [await node.database.read(partial(_holding, word=word)) for node in nodes]
            print(json.dumps({"found": min(found)}), flush=True)
        for pull in pulls:
            await pull.step()  # sweeps
    await peers.close()
    for node in nodes:
        await node.database.close()


def quietly() -> None:
    """Say nothing but errors: what is printed is read."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


async def node_on(path: Path, peers: Peers, key: bytes) -> NodeContext:
    """A node whose database is at `path`."""
    database, outbox, unused = open_database(f"sqlite:///{path}"), delivery_of("350000").outbox, cast("Any", None)
    if not await database.read(outbox.epoch):
        await database.write(lambda tx: outbox.begin_epoch(tx, system_clock()))
    return NodeContext(unused, database, outbox, system_clock, unused, peers, DocumentKeys(key))


def _holding(tx: Connection, word: str) -> int:
    """How many entries a search finds that hold a word of two characters."""
    return search(tx, Shelf(store.tables), Plan((word,), (word,), ((word,),), (word,)), Wanted(system_clock().date(), any_time=True)).total


async def _copy(pull: LibraryPull) -> bool:
    """Until it is in use; what the release before leaves behind is swept later."""
    async with pull.lock:
        return await pull.copy_from(HUB)


if __name__ == "__main__":
    databases = [Path(name) for name in sys.argv[1].split(",")]
    asyncio.run(run(databases, sys.argv[2], Path(sys.argv[3]), bytes.fromhex(sys.argv[4]), int(sys.argv[5])))
