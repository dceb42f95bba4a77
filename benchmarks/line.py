"""A line of so many bits a second and so long a way, made of a TCP proxy on loopback; it counts what crosses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import Final

CHUNK: Final = 16 * 1024
WAITING_MAX: Final = 8  # chunks on their way in one direction: what 20 Mbit/s and 30 ms hold, and as much again


class Line:
    """A proxy in front of `address`.

    Args:
        address: `host:port` to connect to.
        megabits: a second, in each direction; 0: as fast as it goes.
        round_trip: seconds that the way there and back takes.
    """

    def __init__(self, address: str, megabits: float = 0.0, round_trip: float = 0.0) -> None:
        self._host, _, port = address.rpartition(":")
        self._port, self._rate, self._delay = int(port), megabits * 1e6 / 8, round_trip / 2
        self.bytes = 0
        self.address = ""
        self.began = threading.Event()  # the first byte has come

    async def serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        """Carry until told to stop."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopped.wait()
        server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):  # the line is taken down; asyncio would tell of it
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            await asyncio.gather(self._one_way(reader, far_writer), self._one_way(far_reader, writer))

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING_MAX)
        delivering = asyncio.create_task(self._deliver(waiting, writer))
        free = 0.0
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                self.bytes += len(chunk)
                self.began.set()
                free = max(free, perf_counter()) + (len(chunk) / self._rate if self._rate else 0.0)
                await waiting.put((free + self._delay, chunk))
        await waiting.put((0.0, b""))
        await delivering

    async def _deliver(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while (item := await waiting.get())[1]:
                if (pause := item[0] - perf_counter()) > 0:
                    await asyncio.sleep(pause)
                writer.write(item[1])
                await writer.drain()
        writer.close()


@contextmanager
def line(address: str, megabits: float = 0.0, round_trip: float = 0.0) -> Iterator[Line]:
    """A line that is open while the block runs, on a thread of its own."""
    one, ready, loop, stopped = Line(address, megabits, round_trip), threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        loop.run_until_complete(one.serve(ready, stopped))
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield one
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
