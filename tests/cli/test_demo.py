"""The demo itself, as `make demo` runs it: the main job on real data, one JSON object of measured figures, nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.federation import cli

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(240)]


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes that work in `folder`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and entry.parent.name != str(os.getpid()):
            found.append(line)
    return found


def test_the_demo_does_the_main_job_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    command = [sys.executable, "-m", "twelve333.cli", "demo", "--json", "--keep", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["coverage"] == {"units": 366, "open": 319, "with_system": 267, "open_pct": 87.2, "with_system_pct": 83.7}
    assert figures["nodes"] == 5
    library = figures["library"]
    assert library["entries"] >= 60 and library["nodes_in_sync"] == 5 and library["hits"]["工伤"] > 0
    assert all(library["hits"].values())
    handoffs = figures["handoffs"]
    assert handoffs["connected"] == 5 and handoffs["refused"] == 1 and handoffs["offered"] == 6
    assert handoffs["connected_while_hub_down"] == 1
    assert figures["cases"] == {"opened": 2, "closed": 1, "caller_told_by_first_asked": 1}
    outage = figures["outage"]
    assert outage["queued"] > 0 and outage["delivered"] == outage["queued"]
    assert outage["lost"] == 0 and outage["duplicated"] == 0
    assert (folder / "hub" / "hub.toml").is_file() and (folder / "logs" / "350000.log").is_file()
    assert processes_of(folder) == []


def test_a_folder_in_use_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    told = cli("demo", "--keep", tmp_path)
    assert told.code == 1 and "DEMO_FOLDER_USED" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_missing_broker_is_said_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    told = cli("demo", "--keep", folder, env={"TWELVE333_NATS_SERVER": str(tmp_path / "no-such-server")})
    assert told.code == 1 and "PROCESSES_BINARY_MISSING" in told.err and "no-such-server" in told.err
    assert processes_of(folder) == []


async def test_ctrl_c_stops_everything_that_was_started(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "twelve333.cli",
        "demo",
        "--keep",
        str(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite that a shell runs behind it would pass on "ignored"
    )
    log = folder / "logs" / "hub.log"
    async with asyncio.timeout(60):
        while not (log.exists() and '"ready"' in log.read_text(encoding="utf-8")):
            await asyncio.sleep(0.1)
    child.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        _, complaint = await child.communicate()
    assert child.returncode == 130 and b"INTERRUPTED" in complaint
    assert processes_of(folder) == []
