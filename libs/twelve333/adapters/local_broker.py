"""A nats-server on this machine, for the demo and the tests: found, checked for its version, started with a given file, stopped.

Production runs a broker that somebody operates; nothing here is needed then.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from .processes import Process, find_binary, require_free, require_version

# JetStream pull consumers and subject-mapped permissions as we use them; Debian 12 ships 2.9.10.
MINIMUM: Final = (2, 9)
READY_SECONDS: Final = 15.0


class LocalBroker:
    """One nats-server with the settings of a file that the caller wrote.

    Args:
        config: file in the server's own syntax; its `listen` is `host:port`.
        log: file that gets its output.
        host, port: where it will listen, as in `config`.
        binary: the program, if not the one on PATH.
    """

    def __init__(self, config: Path, log: Path, *, host: str = "127.0.0.1", port: int, binary: Path | None = None) -> None:
        self._config, self._host, self._port, self._binary = config, host, port, binary
        self._process = Process("nats-server", (), log)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.running

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid

    async def start(self, *, within_seconds: float = READY_SECONDS) -> None:
        """Start it and wait until it greets.

        Raises:
            Refused: missing or too old program, port in use, or the server did not come up.
        """
        program = find_binary("nats-server", package="nats-server", setting=self._binary)
        await require_version(program, MINIMUM)
        require_free(self._host, self._port)
        self._process.command = (program, "--config", self._config)
        await self._process.start(self._greets, within_seconds=within_seconds)

    async def stop(self) -> None:
        """Stop it; a second time does nothing."""
        await self._process.stop()

    async def restart(self) -> None:
        """Stop it, then start it with the same file."""
        await self.stop()
        await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def _greets(self) -> bool:
        # The server speaks first, `INFO {json}`, in plain text even when TLS follows.
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                line = await reader.readline()
            finally:
                writer.close()
        except OSError:
            return False
        return line.startswith(b"INFO ") and bool(json.loads(line[5:]).get("server_id"))
