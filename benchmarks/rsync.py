"""The library as files under rsync: what copying them costs over the same line, with `-z`."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, sleep

from twelve333.adapters.processes import free_ports
from twelve333.core.library.model import Entry
from twelve333.wire.library import content_of

from .line import line
from .measure import Absent, Failed

WAIT_SECONDS = 600.0


def need() -> None:
    """Go on only where there is rsync.

    Raises:
        Absent: it is not installed.
    """
    if shutil.which("rsync") is None:
        raise Absent("rsync is not installed: apt-get install rsync")


def write_files(folder: Path, entries: Iterable[Entry]) -> None:
    """One file an entry, with the bytes that a release holds."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (folder / entry.id).write_bytes(content_of(entry))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """An rsync daemon on loopback over the files of `folder`; its address."""
    (port,) = free_ports(1)
    config = folder.with_suffix(".conf")
    config.write_text(f"use chroot = no\n[library]\npath = {folder}\nread only = yes\n", encoding="utf-8")
    command = ["rsync", "--daemon", "--no-detach", f"--port={port}", "--address=127.0.0.1", f"--config={config}"]
    daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _listening(port)
        yield f"127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait(10)


async def copy(address: str, to: Path, megabits: float = 0.0, round_trip: float = 0.0) -> tuple[float, int]:
    """Bring `to` up to date; seconds, and bytes both ways."""
    with line(address, megabits, round_trip) as way:
        command, started = ["rsync", "-rz", "--delete", f"rsync://{way.address}/library/", str(to)], perf_counter()
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=WAIT_SECONDS)
        if done.returncode:
            raise Failed(f"rsync ended with {done.returncode}")
        return perf_counter() - started, way.bytes


def _listening(port: int) -> None:
    """Wait until the daemon answers."""
    for attempt in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        sleep(0.05 if attempt < 99 else 0)
    raise Failed("rsync does not listen")
