"""Pulling from our durable consumer: one request is always open, and what has come is handed out at once.

The library's own `fetch` waits to fill its batch; here the first event is not kept waiting for the last.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from ...wire.subjects import STREAM, consumer_of
from .port import Incoming

REQUEST_S: Final = 1.0  # the broker answers an open request at the latest after this
OVERDUE_S: Final = REQUEST_S + 0.5  # a consumer that is not there yet never answers: ask again
NOT_READY_S: Final = 0.2  # pause when nobody serves streams yet

_NO_RESPONDERS = "503"


class Puller:
    """One session's view of the consumer of `member`."""

    def __init__(self, client: Client, member: str) -> None:
        self._client = client
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer_of(member)}"
        self._inbox = client.new_inbox()
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._open = 0  # events the broker may still send on the present request
        self._overdue = 0.0

    async def open(self) -> None:
        """Subscribe to the inbox that answers come to."""
        await self._client.subscribe(self._inbox, cb=self._arrived.put)

    def close(self) -> None:
        """The session is over: whoever waits is woken."""
        self._arrived.put_nowait(None)

    async def take(self, limit: int) -> list[Incoming]:
        """Wait for at least one event, then return all that have come, at most `limit`.

        Raises:
            ConnectionError: the session is over.
        """
        while True:
            if taken := await self.arrived(limit):
                return taken
            try:
                async with asyncio.timeout_at(self._overdue):
                    message = await self._arrived.get()
            except TimeoutError:
                continue
            if message is None:
                raise ConnectionResetError
            if self._is_event(message):
                return [self._incoming(message), *self._drain(limit - 1)]
            if _status(message) == _NO_RESPONDERS:
                await asyncio.sleep(NOT_READY_S)

    async def arrived(self, limit: int) -> list[Incoming]:
        """What has come, at most `limit`; see that more may come."""
        if self._open <= 0 or asyncio.get_running_loop().time() > self._overdue:
            await self._request(limit)
        return self._drain(limit)

    async def _request(self, limit: int) -> None:
        body = {"batch": limit, "expires": int(REQUEST_S * 1e9)}
        await self._client.publish(self._subject, json.dumps(body).encode(), reply=self._inbox)
        self._open, self._overdue = limit, asyncio.get_running_loop().time() + OVERDUE_S

    def _drain(self, limit: int) -> list[Incoming]:
        taken: list[Incoming] = []
        while len(taken) < limit and not self._arrived.empty():
            message = self._arrived.get_nowait()
            if message is not None and self._is_event(message):
                taken.append(self._incoming(message))
        return taken

    def _is_event(self, message: Msg) -> bool:
        """Whether this is an event; a status message ends the request instead."""
        if _status(message):
            self._open = 0
            return False
        self._open -= 1
        return True

    def _incoming(self, message: Msg) -> Incoming:
        async def acknowledge() -> None:
            if self._client.is_connected:
                await self._client.publish(message.reply, b"+ACK")

        return Incoming(message.subject, message.data, acknowledge)


def _status(message: Msg) -> str:
    return (message.headers or {}).get("Status", "")
