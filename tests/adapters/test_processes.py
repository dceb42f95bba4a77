"""What we start is ready or explained, and stopped exactly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from twelve333.adapters import processes
from twelve333.adapters.local_broker import LocalBroker
from twelve333.adapters.processes import Process, accepts_connections, find_binary, free_ports, require_free, require_version
from twelve333.catalogue.catalogue import sentence
from twelve333.core.decision import Refused

WITHIN_SECONDS = 20.0
SERVER = """
import socket, sys, signal
if "deaf" in sys.argv: signal.signal(signal.SIGTERM, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True: listener.accept()
"""


async def never() -> bool:
    return False


def server(tmp_path: Path, *arguments: str, grace_seconds: float = 10.0) -> tuple[Process, int]:
    port = free_ports(1)[0]
    return Process("probe", (sys.executable, "-c", SERVER, str(port), *arguments), tmp_path / "log", grace_seconds=grace_seconds), port


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def watch(pid: int) -> asyncio.Event:
    """An event that is set when the process, not our child, has ended."""
    ended, loop, handle = asyncio.Event(), asyncio.get_running_loop(), os.pidfd_open(pid)

    def done() -> None:
        loop.remove_reader(handle)
        os.close(handle)
        ended.set()

    loop.add_reader(handle, done)
    return ended


async def test_is_ready_when_started_and_gone_when_stopped(tmp_path: Path) -> None:
    process, port = server(tmp_path)
    await process.start(accepts_connections("127.0.0.1", port), within_seconds=WITHIN_SECONDS)
    pid = process.pid
    assert pid is not None and alive(pid)
    assert process.last_line() == "listening"
    await process.stop()
    assert not process.running and not alive(pid)
    require_free("127.0.0.1", port)


async def test_restart_gives_a_new_process(tmp_path: Path) -> None:
    process, port = server(tmp_path)
    async with process:
        ready = accepts_connections("127.0.0.1", port)
        await process.start(ready, within_seconds=WITHIN_SECONDS)
        first = process.pid
        await process.restart(ready, within_seconds=WITHIN_SECONDS)
        assert process.running and process.pid != first
    assert not process.running


async def test_an_early_end_is_told_with_its_last_line(tmp_path: Path) -> None:
    process = Process("probe", (sys.executable, "-c", "print('no disk'); raise SystemExit(3)"), tmp_path / "log")
    with pytest.raises(Refused) as caught:
        await process.start(never, within_seconds=WITHIN_SECONDS)
    assert caught.value.refusal.code is processes.EXITED
    assert caught.value.refusal.params == {"name": "probe", "status": "3", "line": "no disk"}


async def test_the_last_line_of_an_earlier_start_is_not_told_again(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("old news\n", encoding="utf-8")
    process = Process("probe", (sys.executable, "-c", ""), tmp_path / "log")
    with pytest.raises(Refused) as caught:
        await process.start(never, within_seconds=WITHIN_SECONDS)
    assert caught.value.refusal.params["line"] == ""


async def test_what_is_not_ready_by_the_deadline_is_stopped(tmp_path: Path) -> None:
    process, _ = server(tmp_path)
    with pytest.raises(Refused) as caught:
        await process.start(never, within_seconds=0.3)
    assert caught.value.refusal.code is processes.NOT_READY
    assert not process.running


async def test_a_probe_that_hangs_does_not_outlast_the_deadline(tmp_path: Path) -> None:
    process, _ = server(tmp_path)

    async def hangs() -> bool:
        return await asyncio.Event().wait()

    with pytest.raises(Refused) as caught:
        await process.start(hangs, within_seconds=0.3)
    assert caught.value.refusal.code is processes.NOT_READY


async def test_one_that_does_not_listen_to_reason_is_killed(tmp_path: Path) -> None:
    process, port = server(tmp_path, "deaf", grace_seconds=0.2)
    await process.start(accepts_connections("127.0.0.1", port), within_seconds=WITHIN_SECONDS)
    assert await process.stop() == -signal.SIGKILL


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    process, port = server(tmp_path)
    starting = asyncio.create_task(process.start(never, within_seconds=WITHIN_SECONDS))
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await accepts_connections("127.0.0.1", port)():
            await asyncio.wait({starting}, timeout=0.02)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not process.running


async def test_children_end_with_their_parent(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    parent = f"""
import asyncio, sys
from pathlib import Path
from twelve333.adapters.processes import Process, accepts_connections
async def main():
    child = Process("probe", (sys.executable, "-c", {SERVER!r}, "{port}"), Path({str(tmp_path / "log")!r}))
    await child.start(accepts_connections("127.0.0.1", {port}), within_seconds=20)
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    outer = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, stdout=asyncio.subprocess.PIPE)
    assert outer.stdout is not None
    async with asyncio.timeout(WITHIN_SECONDS):
        child = int(await outer.stdout.readline())
        gone = watch(child)
        outer.kill()
        await outer.wait()
        await gone.wait()


async def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(Refused) as caught:
        find_binary("no-such-server", package="nats-server")
    text = sentence(caught.value.refusal.code, caught.value.refusal.params)
    assert "no-such-server" in text and "apt-get install nats-server" in text


async def test_an_old_program_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.8.4\n", encoding="utf-8")
    old.chmod(0o755)
    broker = LocalBroker(tmp_path / "none.conf", tmp_path / "log", port=free_ports(1)[0], binary=old)
    with pytest.raises(Refused) as caught:
        await broker.start()
    assert caught.value.refusal.code is processes.BINARY_TOO_OLD
    assert caught.value.refusal.params == {"name": "nats-server", "version": "2.8.4", "minimum": "2.9"}


async def test_versions_compare_as_numbers(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho v2.10.1\n", encoding="utf-8")
    program.chmod(0o755)
    assert await require_version(program, (2, 9)) == (2, 10, 1)


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(Refused) as caught:
            require_free("127.0.0.1", port)
    assert caught.value.refusal.params == {"address": f"127.0.0.1:{port}"}


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(20))) == 20


async def test_the_broker_starts_stops_and_starts_again(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    config = tmp_path / "nats.conf"
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/store" }}\n', encoding="utf-8")
    async with LocalBroker(config, tmp_path / "log", port=port) as broker:
        first = broker.pid
        await broker.restart()
        assert broker.running and broker.pid != first
    assert not broker.running


async def test_a_broker_with_a_wrong_file_says_why(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text("listen: {", encoding="utf-8")
    with pytest.raises(Refused) as caught:
        await LocalBroker(config, tmp_path / "log", port=free_ports(1)[0]).start()
    assert caught.value.refusal.code is processes.EXITED
    assert "Parse error on line 1" in caught.value.refusal.params["line"]


async def test_a_cancellation_that_a_probe_swallows_still_ends_the_wait(tmp_path: Path) -> None:
    process = Process("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")

    async def answers_all_the_same() -> bool:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return True

    starting = asyncio.create_task(process.start(answers_all_the_same, within_seconds=10))
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not process.running
