"""How fast a node answers while it takes a release: a real hub, and a node in a process of its own that is asked all the time.

Run as a module it is that node: it copies what is published, is asked in quiet, and at a line of input copies the next release, asked as
before until that one is in use and the last one is swept away. At the end it prints what each question took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from province_node.context import NodeContext
from province_node.library import LibraryPull
from province_node.store import library as store
from twelve333.adapters.rpc.credentials import channel_credentials
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.runner import settle_in

from .copier import node_on, quietly
from .copying import Copies, published
from .figure import Figure
from .large import ENTRIES, large
from .measure import Failed, Round, scaled
from .searching import SPOKEN, WORDS, Library, tails

CHANGED: Final = 3_000
QUIET_TURNS: Final = 5
P95, P99 = 10_000.0, 50_000.0  # microseconds
WAIT_SECONDS: Final = 240.0
PROGRAM: Final = (sys.executable, "-m", "benchmarks.searched")


async def syncing() -> list[Figure]:
    """`library.search_syncing`: words and questions while 3,000 changed entries come, are shown, and the old ones swept; beside quiet."""
    texts = list(large(scaled(ENTRIES, 300)))
    changed = [replace(one, body=f"{one.body}\n又改。") for one in texts[: scaled(CHANGED, 100)]]
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with published(Path(folder), texts) as copies:
            told = await _asked_while_taking(copies, Path(folder) / "node.db", changed)
    quiet, busy = ([Round(len(times), sum(times), times) for times in told[name]] for name in ("quiet", "busy"))
    return tails("library.search_syncing", busy, "the same, quiet", quiet, P95, P99)


async def _asked_while_taking(copies: Copies, database: Path, changed: Sequence[Any]) -> dict[str, Any]:
    pipe, command = asyncio.subprocess.PIPE, copies.process([database], copies.address, program=PROGRAM)
    node = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 24)
    assert node.stdin is not None
    assert node.stdout is not None
    try:
        await asyncio.wait_for(node.stdout.readline(), WAIT_SECONDS)
        await copies.change(changed)
        node.stdin.write(b"\n")
        read = await asyncio.wait_for(node.stdout.readline(), WAIT_SECONDS)
        if not read:
            raise Failed("the node ended without an answer")
        told: dict[str, Any] = json.loads(read)
        return told
    finally:
        if node.returncode is None:
            node.kill()
        await node.wait()


async def run(path: Path, address: str, certificate: Path, key: bytes) -> None:
    """Be the node that is asked."""
    quietly()
    peers = Peers(lambda _member: address, channel_credentials(certificate))
    node = await node_on(path, peers, key)
    held = Library(node.database, store.tables)
    pull = LibraryPull(node, learn=held.shelf.catch_up)
    await pull.step()
    settle_in()
    await _turn(held)  # what is asked for the first time
    quiet = [await _turn(held) for _ in range(QUIET_TURNS)]
    print(json.dumps({"held": True}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    busy = await _while_taking(pull, held, node)
    print(json.dumps({"quiet": quiet, "busy": busy}), flush=True)
    await peers.close()
    await node.database.close()


async def _while_taking(pull: LibraryPull, held: Library, node: NodeContext) -> list[list[float]]:
    before, taking, busy = await pull.held(), asyncio.create_task(pull.step()), list[list[float]]()
    while not taking.done():
        busy.append(await _turn(held))
    if not await taking or await pull.held() == before:
        raise Failed("the release was not taken")
    return [*busy, await _turn(held)]


async def _turn(held: Library) -> list[float]:
    return list((await held.asking((*WORDS, *SPOKEN))()).times)


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), bytes.fromhex(sys.argv[4])))
