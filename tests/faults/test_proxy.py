"""The bad network does what faults ask of it: otherwise they would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import pytest

from twelve333.adapters.processes import free_ports

from .proxy import DOWN, HOST, UP, Proxy

SILENCE_SECONDS = 0.3
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing() -> AsyncIterator[Proxy]:
    """A proxy before a server that says back what it hears."""

    answering = list[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.ensure_future(echo(reader, writer)))

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1024):
                writer.write(data)
        except OSError:
            return  # reset by the proxy, as it should
        finally:
            writer.close()

    far, near = free_ports(2)
    server = await asyncio.start_server(accept, HOST, far)
    proxy = Proxy(near, lambda: (HOST, far))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
        server.close()
        await asyncio.gather(*answering)


@asynccontextmanager
async def dialled(proxy: Proxy) -> AsyncIterator[Ends]:
    """A connection, closed at the end."""
    reader, writer = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(ends: Ends, word: bytes) -> bytes:
    """Say a word and hear what comes within the time of a silence; TimeoutError if nothing does."""
    ends[1].write(word)
    async with asyncio.timeout(SILENCE_SECONDS):
        return await ends[0].read(1024)


async def ask_or_end(ends: Ends) -> bytes:
    """As `ask`; empty when the connection is reset."""
    try:
        return await ask(ends, b"word")
    except ConnectionError:
        return b""


async def test_forwards_when_nothing_is_wrong() -> None:
    async with echoing() as proxy, dialled(proxy) as ends:
        assert await ask(ends, b"word") == b"word"
        assert proxy.connections == 1


@pytest.mark.parametrize("ways", [(), (UP,), (DOWN,)])
async def test_stalling_is_silence_and_what_was_said_arrives_afterwards(ways: tuple[str, ...]) -> None:
    async with echoing() as proxy, dialled(proxy) as ends:
        proxy.stall(*ways)
        with pytest.raises(TimeoutError):
            await ask(ends, b"word")
        proxy.heal()
        async with asyncio.timeout(5):
            assert await ends[0].read(1024) == b"word"


async def test_cutting_resets_what_is_open_and_what_comes() -> None:
    async with echoing() as proxy, dialled(proxy) as ends:
        assert await ask(ends, b"word") == b"word"
        proxy.cut()
        with pytest.raises(ConnectionError):
            assert await ask(ends, b"word") == b"reset"
        async with dialled(proxy) as later:
            assert await ask_or_end(later) == b""


async def test_slow_keeps_each_piece_back() -> None:
    async with echoing() as proxy, dialled(proxy) as ends:
        began = perf_counter()
        proxy.slow(0.1)
        assert await ask(ends, b"word") == b"word"
        assert perf_counter() - began >= 0.2


async def test_replies_are_lost_after_the_request_arrived() -> None:
    async with echoing() as proxy, dialled(proxy) as ends:
        proxy.lose_replies()
        with pytest.raises(ConnectionError):
            assert await ask(ends, b"word") == b"reset"
