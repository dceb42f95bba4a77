"""A bad network on loopback: a TCP proxy that delays, swallows, cuts and resets, told what to do from one moment to the next.

Stalling forwards nothing and closes nothing, so both ends see what a broken path shows them: silence. What they sent meanwhile is
forwarded when the path heals, as TCP itself would send it again.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

Address = tuple[str, int]
HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 64 * 1024
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing resets
UP: Final = "up"  # client to server
DOWN: Final = "down"  # server to client


class Proxy:
    """One listening port, and what stands behind it.

    Args:
        port: where members dial.
        target: where the service really listens; asked at each connection, None while it is not known.
        seed: of the resets that happen by chance.
        host: its own address.
    """

    def __init__(self, port: int, target: Callable[[], Address | None], seed: int = 12333, host: str = HOST) -> None:
        self.port, self._target, self._host = port, target, host
        self._server: asyncio.Server | None = None
        self._pairs: set[asyncio.Task[None]] = set()
        self._open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        self._draw = random.Random(seed)
        self.connections = 0
        self.heal()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, self._host, self.port)

    async def stop(self) -> None:
        """Close the port and everything that runs through it."""
        if self._server is not None:
            self._server.close()
        self.reset()
        await asyncio.gather(*self._pairs, return_exceptions=True)

    def heal(self) -> None:
        """Be a good network again."""
        self._refusing = self._loses_replies = False
        self._delay_s = self._reset_share = 0.0
        for gate in self._open.values():
            gate.set()

    def stall(self, *ways: str) -> None:
        """Forward nothing that way (both if none is named), and close nothing."""
        for way in ways or (UP, DOWN):
            self._open[way].clear()

    def cut(self) -> None:
        """Reset what is open and whatever comes."""
        self._refusing = True
        self.reset()

    def slow(self, seconds: float, reset_share: float = 0.0) -> None:
        """Keep each piece for so long, and reset a connection with this chance at each piece."""
        self._delay_s, self._reset_share = seconds, reset_share

    def lose_replies(self) -> None:
        """Swallow what the server answers to what it is asked from now on, then reset."""
        self._loses_replies = True

    def redirect(self, port: int, host: str = HOST) -> Callable[[], None]:
        """Lead to something that stands in the way from the next connection on; returns what undoes it. What is open is reset."""
        kept, self._target = self._target, lambda: (host, port)

        def undo() -> None:
            self._target = kept
            self.reset()

        self.reset()
        return undo

    def far_end(self) -> Callable[[], Address | None]:
        """What it leads to now, to be asked at each connection."""
        return self._target

    def reset(self) -> None:
        """Reset what is open."""
        for pair in self._pairs:
            pair.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        pair = asyncio.ensure_future(self._join(reader, writer))
        self._pairs.add(pair)
        pair.add_done_callback(self._pairs.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, rough = [writer], True
        try:
            target = None if self._refusing else self._target()
            if target is None:
                return
            far_reader, far_writer = await asyncio.open_connection(*target)
            ends.append(far_writer)
            ways = [self._pump(reader, far_writer, UP), self._pump(far_reader, writer, DOWN)]
            tasks = [asyncio.ensure_future(way) for way in ways]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                rough = not all(task.result() for task in done)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            return
        finally:
            for end in ends:
                _reset(end) if rough else end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> bool:
        """Forward until an end closes (True), or one resets, chance resets, or replies are lost."""
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await self._open[way].wait()
                if self._draw.random() < self._reset_share or (self._loses_replies and way == DOWN):
                    return False
                writer.write(data)
                await writer.drain()
            await self._open[way].wait()  # the end of a stalled path does not arrive either
            return True
        return False


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
