"""Commands as a user types them, each a process of its own, without the imports of each: one process has them and forks.

`python -m tests.support.typed SOCKET` waits at a socket for words, surroundings and three open files, and ends with its standard input, so
with whoever started it, however that ended.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

REQUEST_BYTES_MAX: Final = 128 << 10
SECONDS: Final = 60.0


def typed(words: Sequence[str], env: Mapping[str, str], cwd: Path, stdin: str | None) -> tuple[int, str, str]:
    """Run `twelve333 WORDS`: exit code, what was printed, what was complained about.

    Args:
        env: the whole environment.
        cwd: where it is typed.
        stdin: what is piped into it; None: nothing.

    Raises:
        subprocess.TimeoutExpired: it took a minute; it was killed.
    """
    request = json.dumps({"words": words, "env": dict(env), "cwd": str(cwd)}).encode()
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        given.write(stdin or "")
        given.seek(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.settimeout(SECONDS)
            line.connect(_forker())
            socket.send_fds(line, [request], [given.fileno(), out.fileno(), err.fileno()])
            process = int(line.recv(32))
            try:
                code = int(line.recv(32))
            except TimeoutError as error:
                os.killpg(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["twelve333", *words], SECONDS) from error
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


@functools.cache
def _forker() -> str:
    """The socket of this process's own forker, started with the first command."""
    path = str(Path(tempfile.mkdtemp(prefix="twelve333-typed-")) / "line")
    command = [sys.executable, "-m", "tests.support.typed", path]
    # Who prints into a file has no window; tests are read in wide ones.
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "COLUMNS": "200"})
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    _forkers.append(child)  # its standard input stays open as long as this process
    return path


_forkers: list[subprocess.Popen[bytes]] = []


@pytest.fixture(scope="session", autouse=True)
def commands_end(no_process_stays: None) -> Iterator[None]:
    """End the forker before it is looked for processes that stay."""
    yield
    for child in _forkers:
        child.communicate(timeout=SECONDS)


def serve(path: str) -> None:
    """Fork for whoever asks at the socket, until standard input ends."""
    from twelve333.cli import groups
    from twelve333.cli.main import app

    for name in groups.names():
        app[name]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asked:
        asked.bind(path)
        asked.listen(16)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while asked in (ready := select.select([asked, sys.stdin], [], [])[0]):
            line, _ = asked.accept()
            if os.fork() == 0:
                asked.close()
                _run(line)
            line.close()
        assert sys.stdin in ready


def _run(line: socket.socket) -> None:
    """Have a child of this process do what is asked, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, files, *_ = socket.recv_fds(line, REQUEST_BYTES_MAX, 3)
    child = os.fork()
    if child == 0:
        line.close()
        os.setsid()
        _become(json.loads(request), files)
    line.send(str(child).encode())
    _, status = os.waitpid(child, 0)
    line.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Be the command: its files, place and surroundings, and end with its exit code."""
    from twelve333.cli.main import main

    for number, file in enumerate(files):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["twelve333", *request["words"]]
    code = main()  # what it raises ends this process as it would end the interpreter
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
