"""Programs that we start ourselves: the broker and the services of the demo and of the tests.

Serves the rule that whoever starts something waits until it really answers, says in one sentence why it does not, and stops
exactly what it started. A child never outlives its parent: the kernel ends it when the thread that started it ends, so start
from a thread that lives as long as the children should (the one that runs the event loop does).
"""

from __future__ import annotations

import asyncio
import atexit
import os
import random
import re
import shutil
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..core.decision import Code, Kind, Refused, refuse

BINARY_MISSING: Final = Code("PROCESSES_BINARY_MISSING", Kind.UNAVAILABLE)
BINARY_TOO_OLD: Final = Code("PROCESSES_BINARY_TOO_OLD", Kind.UNAVAILABLE)
EXITED: Final = Code("PROCESSES_EXITED", Kind.UNAVAILABLE)
NOT_READY: Final = Code("PROCESSES_NOT_READY", Kind.TIMED_OUT)
PORT_IN_USE: Final = Code("PROCESSES_PORT_IN_USE", Kind.CONFLICT)

# Debian keeps servers in sbin, which is not on the PATH of ordinary accounts.
EXTRA_PATH: Final = ("/usr/sbin", "/usr/local/sbin")
POLL_SECONDS: Final = 0.05
LOG_TAIL_BYTES_MAX: Final = 8192
VERSION_SECONDS_MAX: Final = 10.0
PORTS: Final = (15_000, 32_000)

Version = tuple[int, ...]
Probe = Callable[[], Awaitable[bool]]


def find_binary(name: str, *, package: str, setting: Path | None = None) -> Path:
    """The program to start.

    Args:
        name: as on PATH.
        package: Debian package that brings it, for the sentence.
        setting: the path that the user named, which then is the only candidate.

    Raises:
        Refused: PROCESSES_BINARY_MISSING.
    """
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *EXTRA_PATH))
    found = shutil.which(str(setting or name), path=path)
    if found is None:
        raise Refused(refuse(BINARY_MISSING, name=setting or name, package=package))
    return Path(found)


async def require_version(binary: Path, minimum: Version) -> Version:
    """The version that `binary --version` tells, refused below `minimum` (PROCESSES_BINARY_TOO_OLD)."""
    child = await asyncio.create_subprocess_exec(
        binary, "--version", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(VERSION_SECONDS_MAX):
            told, _ = await child.communicate()
    except TimeoutError:
        told = b""
    finally:
        await _end(child, grace_seconds=0)
    match = re.search(rb"\d+(?:\.\d+)+", told)
    version = tuple(int(part) for part in match.group().split(b".")) if match else (0,)
    if version < minimum:
        raise Refused(refuse(BINARY_TOO_OLD, name=binary.name, version=_dotted(version), minimum=_dotted(minimum)))
    return version


def free_ports(count: int) -> list[int]:
    """Different TCP ports on loopback that nobody uses, and that no other caller of this function is given while this process lives.

    They lie below the range from which the kernel takes ports for outgoing connections, so nothing can slip in before they are used.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randint(*PORTS)
        if _reserve(port):
            found.append(port)
    return found


def _reserve(port: int) -> bool:
    """Whether `port` is free; if so it is kept from other processes of ours by holding its UDP twin."""
    twin = socket.socket(type=socket.SOCK_DGRAM)
    try:
        twin.bind(("127.0.0.1", port))
        require_free("127.0.0.1", port)
    except (OSError, Refused):
        twin.close()
        return False
    atexit.register(twin.close)  # holds it until then
    return True


def require_free(host: str, port: int) -> None:
    """Refuse (PROCESSES_PORT_IN_USE) if something listens there already; two servers on one port confuse everybody."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise Refused(refuse(PORT_IN_USE, address=f"{host}:{port}")) from error


@dataclass
class Process:
    """One child process, started and stopped as often as wanted; as a context manager it is stopped at the end.

    Args:
        name: what sentences call it.
        command: program and arguments; no secrets, everybody can read them.
        log: file that gets its output, appended.
        env: the whole environment, None for ours.
        cwd: working directory, None for ours.
        grace_seconds: time between asking it to end and killing it.
    """

    name: str
    command: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    grace_seconds: float = 10.0
    _child: asyncio.subprocess.Process | None = field(default=None, init=False, repr=False)
    _log_start: int = field(default=0, init=False, repr=False)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.returncode is None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._child.pid if self._child is not None and self.running else None

    async def start(self, ready: Probe, *, within_seconds: float) -> None:
        """Start it and wait until `ready` says so.

        Args:
            ready: asked again and again; must not raise for a server that is merely not there yet.
            within_seconds: deadline; what is not ready by then is stopped again.

        Raises:
            Refused: PROCESSES_EXITED with its last line, or PROCESSES_NOT_READY.
        """
        await self._launch()
        try:
            await self._wait_until(ready, within_seconds)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> int | None:
        """Ask it to end, kill it after the grace; the exit code, None if it was never started."""
        return None if self._child is None else await _end(self._child, self.grace_seconds)

    async def restart(self, ready: Probe, *, within_seconds: float) -> None:
        """Stop it, then start it as before."""
        await self.stop()
        await self.start(ready, within_seconds=within_seconds)

    def last_line(self) -> str:
        """The last line it wrote since it was started, empty if none."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - LOG_TAIL_BYTES_MAX))
            lines = log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def _launch(self) -> None:
        if self.running:
            raise RuntimeError(f"{self.name} is running already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            # A session of its own: Ctrl-C reaches only us, and we stop the children in order.
            self._child = await asyncio.create_subprocess_exec(
                *_dying_with_parent(), *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.env, cwd=self.cwd, start_new_session=True,
            )  # fmt: skip

    async def _wait_until(self, ready: Probe, within_seconds: float) -> None:
        assert self._child is not None  # noqa: S101 - set by _launch, tells the type checker
        ended = asyncio.ensure_future(self._child.wait())
        try:
            async with asyncio.timeout(within_seconds):
                while not ended.done() and not await _uncancelled(ready()):
                    await asyncio.wait({ended}, timeout=POLL_SECONDS)
        except TimeoutError as error:
            raise Refused(refuse(NOT_READY, name=self.name, seconds=f"{within_seconds:g}", line=self.last_line())) from error
        finally:
            ended.cancel()
        if not self.running:
            raise Refused(refuse(EXITED, name=self.name, status=self._child.returncode, line=self.last_line()))


async def _uncancelled(asked: Awaitable[bool]) -> bool:
    """What a probe says, unless we were cancelled meanwhile: a gRPC call whose answer comes in the same moment swallows that (Ctrl-C)."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    answer = await asked
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
    return answer


def accepts_connections(host: str, port: int) -> Probe:
    """A probe that is true once something takes TCP connections there."""

    async def probe() -> bool:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        writer.close()
        return True

    return probe


async def _end(child: asyncio.subprocess.Process, grace_seconds: float) -> int:
    try:
        if child.returncode is None and grace_seconds > 0:
            child.terminate()
            async with asyncio.timeout(grace_seconds):
                await child.wait()
    except TimeoutError:
        pass
    finally:
        # Also when the wait is cancelled: nothing we started stays behind.
        if child.returncode is None:
            child.kill()
    return await child.wait()


def _dying_with_parent() -> tuple[str, ...]:
    # setpriv becomes the program (exec), so the pid is the program's; unlike a hook between fork and exec it is safe with threads.
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--") if setpriv else ()


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
