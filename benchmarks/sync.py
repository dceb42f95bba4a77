"""How fast and with how many bytes the library comes to its nodes: whole, in changes, to many, over a slow line, killed in the middle."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any, Final

from twelve333.adapters.sql.library_tables import INDEX_STATEMENTS
from twelve333.core.library.model import Change, Entry
from twelve333.core.library.search import index_text
from twelve333.wire.library import content_of
from twelve333.wire.library_frames import fitting

from . import replication, rsync
from .copying import Copies, published
from .directories import SEED
from .figure import BYTES, FRAMES, MEBIBYTES, MICROSECONDS, SECONDS, Figure, Measured, figure, middle, with_peers
from .large import ENTRIES, large
from .line import line
from .measure import Failed, scaled

LEAST: Final = 300
CHANGED: Final = 220
NODES: Final = 32
PROCESSES: Final = 2
WORDS: Final = ("鑫淼", "焱垚")  # no text holds them until it is changed
KILLS: Final = 20
POLLS: Final = 20
KILL_ENTRIES: Final = 2_000
GROWTH: Final = (16, 4, 1)  # the corpus divided by these
MEGABITS, ROUND_TRIP = 20.0, 0.030
MIB: Final = 1 << 20
SLOW_SECONDS, CHANGE_SECONDS, CHANGE_BYTES, POLL_BYTES = 45.0, 2.0, 470 * 1024, 200
BARE_TIMES: Final = 1.3
BARE: Final = "bare SQLite insert with the same index"
RSYNC: Final = "rsync -z of the same files"
WAIT_SECONDS: Final = 240.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What it took: seconds, seconds of the processor, bytes."""

    seconds: float
    spent: float
    size: float


@dataclass(frozen=True, slots=True)
class Whole:
    """A copy that nothing disturbs: seconds, bytes, bytes of one that finds nothing new, and bytes of its largest frame."""

    seconds: float
    size: float
    nothing: float
    frame: float


async def first_copies() -> list[Figure]:
    """`library.copy_…`: a first copy in use, on loopback beside a bare insert with the same index, over a slow line beside rsync -z."""
    texts = list(large(scaled(ENTRIES, LEAST)))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as name:
        folder = Path(name)
        async with published(folder, texts) as copies:
            bare = await asyncio.to_thread(_bare, folder / "bare.db", texts)
            near = await _one(copies, folder / "near.db")
            figures = [
                figure("library.copy_loopback", SECONDS, middle([near[0]]), BARE, middle([bare.seconds]), BARE_TIMES * bare.seconds),
                figure("library.copy_poll", BYTES, middle([near[2]]), "the first copy", middle([near[1]]), POLL_BYTES),
                figure(
                    "library.copy_poll_wire", BYTES, middle([await copies.poll(POLLS)]), "the first copy", middle([near[1]]), POLL_BYTES
                ),
            ]
            return await with_peers(figures, {("library.copy_slow", "library.copy_slow_bytes"): partial(_slow, copies, folder, texts)})


async def replicated() -> list[Figure]:
    """`library.copy_replicated`: a first copy on loopback beside PostgreSQL's own, which takes long: a fifth of the entries."""
    texts = list(large(scaled(ENTRIES // 5, LEAST)))
    peer = await replication.first_copy(texts)
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as name:
        async with published(Path(name), texts) as copies:
            ours = await _one(copies, Path(name) / "node.db")
    return [figure("library.copy_replicated", SECONDS, middle([ours[0]]), replication.PEER, middle([peer]))]


async def changes() -> list[Figure]:
    """`library.change_…`: 220 changed entries in use at 32 nodes, and what one of them receives."""
    texts = list(large(scaled(ENTRIES, LEAST)))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as name:
        folder = Path(name)
        async with published(folder, texts) as copies:
            await _one(copies, folder / "one.db")
            changed = _edited(texts[: min(CHANGED, len(texts))], WORDS[0])
            one = await _after(copies, folder / "one.db", changed, 1, WORDS[0])
            again = _edited(changed, WORDS[1])
            many = await _after(copies, folder / "one-0.db", again, NODES, WORDS[1])
            bare = await asyncio.to_thread(_bare, folder / "bare.db", again)
        figures = [
            figure("library.change_32_nodes", SECONDS, middle([many.seconds]), "one node", middle([one.seconds]), CHANGE_SECONDS),
            figure("library.change_cpu", SECONDS, middle([many.spent]), BARE, middle([bare.spent])),
        ]
        return await with_peers(
            figures, {("library.change_node", "library.change_bytes"): partial(_beside_rsync, one, folder, texts, changed)}
        )


async def kills() -> list[Figure]:
    """`library.killed_frames`: frames sent again after kill -9 at 20 random moments; that anything is lost or doubled is a failure.

    Every other time in a first copy, and while changes are taken.
    """
    texts, chance = list(large(scaled(KILL_ENTRIES, LEAST))), Random(SEED)
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as name:
        folder = Path(name)
        async with published(folder, texts) as copies:
            count, again = scaled(KILLS, 2), list[float]()
            whole = await _undisturbed(copies, folder / "held.db", texts)
            for number in range(count - count // 2):
                again.append(await _again(copies, folder / f"first-{number}.db", whole, chance))
                _check(folder / f"first-{number}.db", len(texts))
            changed = _edited(texts[: max(CHANGED, len(texts) // 2)], WORDS[0])
            await copies.change(changed)
            whole = await _undisturbed(copies, _copied(folder / "held.db", folder / "changed.db"), changed)
            for number in range(count // 2):
                again.append(await _again(copies, _copied(folder / "held.db", folder / f"change-{number}.db"), whole, chance))
                _check(folder / f"change-{number}.db", len(texts))
    return [figure("library.killed_frames", FRAMES, Measured(max(again), again), "one frame", middle([1.0]), 1.0)]


async def _undisturbed(copies: Copies, database: Path, coming: Sequence[Entry]) -> Whole:
    """What it takes a node that lacks `coming` to have it, and what it costs to come again and find nothing new."""
    seconds, size, _ = await _one(copies, database)
    _, nothing, _ = await _one(copies, database)
    groups = [len(group) for group in fitting(Change(one.id, 1, 1, content=content_of(one)) for one in coming)]
    return Whole(seconds, size, nothing, (size - nothing) * max(groups) / sum(groups))


async def _again(copies: Copies, database: Path, whole: Whole, chance: Random) -> float:
    """Frames that were sent again to a node that was killed at a random moment and went on, besides what connecting again takes."""
    before = await _killed(copies, database, chance.uniform(0.0, 1.0) * whole.seconds)
    _, after, _ = await _one(copies, database)
    return max(0.0, before + after - whole.size - whole.nothing) / whole.frame


def _copied(base: Path, database: Path) -> Path:
    shutil.copy(base, database)
    return database


async def growth() -> list[Figure]:
    """`library.copy_growth_4`, `_16`: what an entry costs in a library 4 and 16 times as large, beside the smallest."""
    costs = list[float]()
    for part in GROWTH:
        texts = list(large(scaled(ENTRIES // 4 // part, LEAST // part + 20)))
        with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as name:
            async with published(Path(name), texts) as copies:
                costs.append((await _one(copies, Path(name) / "node.db"))[0] / len(texts) * 1e6)
    smallest = middle([costs[0]])
    return [
        figure(f"library.copy_growth_{times}", MICROSECONDS, middle([cost]), "the same in the smallest library", smallest)
        for times, cost in zip((4, 16), costs[1:], strict=True)
    ]


async def _one(copies: Copies, database: Path, megabits: float = 0.0, round_trip: float = 0.0) -> tuple[float, float, float]:
    """Let a node in a process of its own copy what is there: seconds until in use, bytes over the line, bytes of a poll afterwards."""
    with line(copies.address, megabits, round_trip) as way:
        async with _process(copies, [database], way.address) as node:
            told = await _line(node)
        return told["seconds"], way.bytes, told["poll"]


async def _after(copies: Copies, base: Path, changed: Sequence[Entry], nodes: int, word: str) -> Taken:
    """Publish, and let so many nodes that hold what `base` holds take it: until the last has it in use; processor and bytes of each.

    Args:
        word: that all of `changed` hold and nothing else; each node must find it in all of them.
    """
    databases = [base.with_name(f"{base.stem}-{number}.db") for number in range(nodes)]
    for database in databases:
        shutil.copy(base, database)
    shares = [part for number in range(PROCESSES) if (part := databases[number::PROCESSES])]
    with line(copies.address) as way:
        async with AsyncExitStack() as stack:
            started = [await stack.enter_async_context(_process(copies, share, way.address, 2)) for share in shares]
            for one in started:
                await _line(one)
            await copies.change(changed)
            began, before = perf_counter(), way.bytes
            for one in started:
                assert one.stdin is not None
                one.stdin.write(f"{word}\n".encode())
            told = [await _line(one) for one in started]
            seconds = perf_counter() - began
            found = [(await _line(one))["found"] for one in started]
        if sum(one["new"] for one in told) != nodes:
            raise Failed("a node found nothing new")
        if any(each != len(changed) for each in found):
            raise Failed("a node does not find what was changed")
        return Taken(seconds, sum(one["spent"] for one in told) / nodes, (way.bytes - before) / nodes)


async def _killed(copies: Copies, database: Path, seconds: float) -> int:
    """Start a node and end it with SIGKILL so long after the first byte came; the bytes that it had received."""
    with line(copies.address) as way:
        async with _process(copies, [database], way.address) as node:
            await asyncio.to_thread(way.began.wait, WAIT_SECONDS)
            await asyncio.sleep(seconds)
            if node.returncode is None:
                node.kill()
            await node.wait()
        return way.bytes


@asynccontextmanager
async def _process(copies: Copies, databases: Sequence[Path], address: str, turns: int = 1) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec(*copies.process(databases, address, turns), stdin=pipe, stdout=pipe)
    try:
        yield node
        await asyncio.wait_for(node.wait(), WAIT_SECONDS)
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()


async def _line(node: asyncio.subprocess.Process) -> dict[str, Any]:
    assert node.stdout is not None
    read = await asyncio.wait_for(node.stdout.readline(), WAIT_SECONDS)
    if not read:
        raise Failed("a node ended without having copied")
    told: dict[str, Any] = json.loads(read)
    return told


def _bare(path: Path, texts: Iterable[Entry]) -> Taken:
    """What inserting the same bytes takes with the same index, and nothing else: no hash, no signature, no wire; one commit."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, data BLOB NOT NULL)")
    connection.execute(INDEX_STATEMENTS["sqlite"][0])
    rows = [(number, one, content_of(one)) for number, one in enumerate(texts, 1)]
    started, spent = perf_counter(), process_time()
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO bare VALUES (?, ?)", ((number, data) for number, _, data in rows))
    grams = ((number, index_text(f"{one.title}\n{one.body}")) for number, one, _ in rows)
    connection.executemany("INSERT INTO library_index(rowid, grams) VALUES (?, ?)", grams)
    connection.execute("COMMIT")
    taken = Taken(perf_counter() - started, process_time() - spent, sum(len(data) for _, _, data in rows))
    connection.close()
    return taken


def _edited(texts: Sequence[Entry], word: str) -> list[Entry]:
    """The texts with a sentence in the middle that holds a word which none has, as corrections are."""
    return [replace(one, body=f"{one.body[: len(one.body) // 2]}本条经{word}修订。{one.body[len(one.body) // 2 :]}") for one in texts]


def _check(path: Path, count: int) -> None:
    """Nothing lost, nothing doubled, nothing left over."""
    connection = sqlite3.connect(path)
    entries, contents, index, staged = (
        connection.execute(query).fetchone()[0]
        for query in (
            "SELECT count(DISTINCT entry_id) FROM library_entries",
            "SELECT count(*) FROM library_contents",
            "SELECT count(*) FROM library_index_docsize",
            "SELECT (SELECT count(*) FROM library_staged) + (SELECT count(*) FROM library_frames) + (SELECT count(*) FROM library_waiting)",
        )
    )
    connection.close()
    if (entries, contents, index, staged) != (count, count, count, 0):
        raise Failed(
            f"after a kill there are {entries} entries, {contents} contents, {index} in the index, {staged} not in use yet, of {count}"
        )


async def _slow(copies: Copies, folder: Path, texts: Iterable[Entry]) -> list[Figure]:
    """A first copy over the slow line, and what rsync -z takes for it."""
    rsync.need()
    ours = await _one(copies, folder / "slow.db", MEGABITS, ROUND_TRIP)
    rsync.write_files(folder / "files", texts)
    with rsync.served(folder / "files") as address:
        seconds, size = await rsync.copy(address, folder / "copy", MEGABITS, ROUND_TRIP)
    return [
        figure("library.copy_slow", SECONDS, middle([ours[0]]), RSYNC, middle([seconds]), SLOW_SECONDS),
        figure("library.copy_slow_bytes", MEBIBYTES, middle([ours[1] / MIB]), RSYNC, middle([size / MIB]), size / MIB),
    ]


async def _beside_rsync(one: Taken, folder: Path, texts: Iterable[Entry], changed: Iterable[Entry]) -> list[Figure]:
    """What a change took at one node, and what rsync -z takes for it."""
    rsync.need()
    rsync.write_files(folder / "files", texts)
    shutil.copytree(folder / "files", folder / "copy", copy_function=shutil.copy2)
    rsync.write_files(folder / "files", changed)
    with rsync.served(folder / "files") as address:
        seconds, size = await rsync.copy(address, folder / "copy")
    return [
        figure("library.change_node", SECONDS, middle([one.seconds]), RSYNC, middle([seconds]), CHANGE_SECONDS),
        figure("library.change_bytes", BYTES, middle([one.size]), RSYNC, middle([size]), CHANGE_BYTES),
    ]
