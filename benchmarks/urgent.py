"""A repeal on every desk while a mass of changes is being copied: real hub, nodes and broker."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Final

from twelve333.cli.demo.federation import Federation, Member
from twelve333.client.connection import Connection
from twelve333.client.errors import ServiceError
from twelve333.core.library.copying import Lane
from twelve333.core.library.model import Entry, EntryKind, Tombstone, TombstoneReason

from .federation import two_nodes
from .figure import SECONDS, Figure, figure, middle
from .large import large
from .measure import Failed, scaled

BULK: Final = 3_000
ROUNDS: Final = 3
POLL_SECONDS: Final = 0.02
WITHIN_SECONDS: Final = 120.0
URGENT_SECONDS: Final = 5.0
NOT_SHOWN: Final = ("LIBRARY_ENTRY_WITHHELD", "LIBRARY_ENTRY_NOT_FOUND", "LIBRARY_ENTRY_REPEALED")
REPEALED: Final = Tombstone(TombstoneReason.REPEALED)


async def urgent() -> list[Figure]:
    """`library.urgent_everywhere`: from publishing a repeal until no node shows the text, while each copies an import."""
    shown, whole = list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with two_nodes(Path(folder)) as federation, federation.hub.connect() as hub:
            bad = [Entry(f"repealed-{number}", EntryKind.QA, "失业保险金", "已经废止的口径。", ("04",)) for number in range(ROUNDS)]
            await _everywhere(federation, hub, bad)
            for number, entry in enumerate(bad):
                texts = [replace(one, body=f"{one.body}{number}") for one in large(scaled(BULK, 100))]
                await hub.library.publish(texts, lane=Lane.BULK)
                await _until(federation, _is_copying)
                started = perf_counter()
                published = await hub.library.publish(removals=[(entry.id, REPEALED)])
                assert published.release is not None
                await _until(federation, _hidden(entry.id))
                shown.append(perf_counter() - started)
                await _until(federation, _holds(published.release.number))
                whole.append(perf_counter() - started)
    peer = "until all of the import is in use too"
    return [figure("library.urgent_everywhere", SECONDS, middle(shown), peer, middle(whole), URGENT_SECONDS)]


async def _everywhere(federation: Federation, hub: Connection, entries: Sequence[Entry]) -> None:
    """Publish, and wait until every node has it in use."""
    published = await hub.library.publish(entries)
    if published.release is None:
        raise Failed("nothing was published")
    await _until(federation, _holds(published.release.number))


async def _until(federation: Federation, seen: Callable[[Member], Awaitable[bool]]) -> None:
    """Ask every node again and again until it is so at all of them."""

    async def one(node: Member) -> None:
        until = perf_counter() + WITHIN_SECONDS
        while not await seen(node):
            if perf_counter() > until:
                raise Failed(f"a node was not so far within {WITHIN_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)

    await asyncio.gather(*map(one, federation.nodes.values()))


async def _is_copying(node: Member) -> bool:
    """Whether a release is on its way into use at a node."""
    return await asyncio.to_thread(_staged, node.folder / "node.db") > 0


def _staged(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM library_staged").fetchone()[0])


def _hidden(entry_id: str) -> Callable[[Member], Awaitable[bool]]:
    """Whether a node shows an entry to nobody."""

    async def seen(node: Member) -> bool:
        async with node.connect() as connection:
            try:
                await connection.library.get(entry_id)
            except ServiceError as error:
                if error.code not in NOT_SHOWN:
                    raise
                return True
            return False

    return seen


def _holds(number: int) -> Callable[[Member], Awaitable[bool]]:
    """Whether a node has a release in use."""

    async def seen(node: Member) -> bool:
        async with node.connect() as connection:
            with suppress(ServiceError):
                return (await connection.library.release()).release.number >= number
            return False

    return seen
