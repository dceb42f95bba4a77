"""A road to the broker on which single messages are kept back, said again, or overtaken by others: NATS as text, between two TLS sessions.

It shows the member the broker's certificate and the broker the member's, which it can because a test owns both keys. Frames that the member
publishes about events and receipts are handed to `meddle`; everything else passes as it came.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE
from twelve333.core.identity import dns_name

from .proxy import CHUNK_BYTES, HOST, Address

OURS: Final = (b"t333.ev.", b"t333.rc.")
Send = Callable[[bytes], None]
Meddle = Callable[[bytes, Send], None]
_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Tap:
    """One listening port before the broker.

    Args:
        port: where the road leads through.
        target: where the broker listens.
        broker, member: the folders of their certificates.
        meddle: is given each frame about an event or receipt, and what sends a frame on; sends it once, twice, later, or never.
    """

    def __init__(self, port: int, target: Callable[[], Address | None], broker: Path, member: Path, meddle: Meddle) -> None:
        self.port, self._target, self._meddle = port, target, meddle
        self._broker, self._member = broker, member
        self._sessions = set[asyncio.Task[None]]()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port)

    async def stop(self) -> None:
        """Close the port and every session."""
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.cancel()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = asyncio.current_task()
        assert session is not None
        self._sessions.add(session)
        ends: list[asyncio.StreamWriter] = [writer]
        try:
            with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._join((reader, writer), ends)
        finally:
            self._sessions.discard(session)
            for end in ends:
                end.transport.abort()

    async def _join(self, near: _Ends, ends: list[asyncio.StreamWriter]) -> None:
        target = self._target()
        if target is None:
            return
        far = await asyncio.open_connection(*target)
        ends.append(far[1])
        near[1].write(await far[0].readline())  # INFO, which says that TLS comes next
        await near[1].start_tls(self._context())
        await far[1].start_tls(member_tls(self._member)(), server_hostname=dns_name("broker"))
        ways = [asyncio.ensure_future(way) for way in (self._up(near[0], far[1]), self._down(far[0], near[1]))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._broker / CHAIN_FILE, self._broker / KEY_FILE)
        return context

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the member says, frame by frame."""

        def send(frame: bytes) -> None:
            if not writer.is_closing():
                writer.write(frame)

        while line := await reader.readline():
            words = line.split()
            if words[0].upper() not in (b"PUB", b"HPUB"):
                send(line)
                continue
            frame = line + await reader.readexactly(int(words[-1]) + len(b"\r\n"))
            self._meddle(frame, send) if words[1].startswith(OURS) else send(frame)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
