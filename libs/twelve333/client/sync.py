"""The same connection for scripts without `async`: an event loop in a thread of its own, every call waits for its answer.

    with SyncConnection.open_profile("350000/profiles/desk-1") as node:
        answer = node.library.search("工伤")

Attributes behave like those of `Connection`, with waiting calls and plain iterators. Where a type checker should see the exact
type, write `node.run(node.connection.library.search("工伤"))`.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .calls import RetryPolicy
from .connection import Connection, Credentials

T = TypeVar("T")


class SyncConnection:
    """Use it with `with`.

    Args:
        connection: the asynchronous one that does the work.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="twelve333", daemon=True)

    @classmethod
    def open(
        cls,
        address: str,
        member: str,
        credentials: Credentials,
        *,
        locale: str = "en",
        timeout: float = 10.0,
        retry: RetryPolicy | None = None,
    ) -> Self:
        """Describe a connection; arguments as `Connection.open`."""
        return cls(Connection.open(address, member, credentials, locale=locale, timeout=timeout, retry=retry))

    @classmethod
    def open_profile(cls, folder: Path | str, *, locale: str = "en", timeout: float = 10.0, retry: RetryPolicy | None = None) -> Self:
        """Describe the connection that a profile folder names; refusals as `Connection.open_profile`."""
        return cls(Connection.open_profile(folder, locale=locale, timeout=timeout, retry=retry))

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self.connection.__aenter__())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.run(self.connection.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a call of the asynchronous connection.

        Raises:
            ServiceError: as the call itself.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def iterate(self, items: AsyncIterator[T]) -> Iterator[T]:
        """Wait for each item of a stream; one that is left early is closed."""
        try:
            while True:
                try:
                    item = self.run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                self.run(close())

    def __getattr__(self, name: str) -> Any:
        """A capability, e.g. `library`, with waiting calls."""
        return _Waiting(getattr(self.connection, name), self)


class _Waiting:
    """Wraps a typed client: what it returns is waited for."""

    def __init__(self, client: object, connection: SyncConnection) -> None:
        self._client = client
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not callable(attribute):
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            result = attribute(*args, **kwargs)
            if inspect.iscoroutine(result):
                return self._connection.run(result)
            return self._connection.iterate(result) if isinstance(result, AsyncIterator) else result

        return call


async def _next(items: AsyncIterator[T]) -> T:
    return await anext(items)
