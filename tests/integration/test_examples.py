"""The examples of the SDK, run as a reader would run them, against real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.federation import one_federation
from twelve333.cli.demo.federation import Federation

pytestmark = one_federation
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def _run(name: str, *arguments: object) -> list[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONUTF8": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_list_units(federation: Federation) -> None:
    lines = _run("list_units.py", federation.hub.profile, "230000")
    assert lines[-1].endswith(f"of {len(lines) - 1} open")
    assert lines[0].startswith("230")


def test_move_case(federation: Federation) -> None:
    nanjing, shanghai = (federation.nodes[province].folder / "profiles" / "desk-1" for province in ("320000", "310000"))
    lines = _run("move_case.py", nanjing, "320100", shanghai, "310000")
    assert lines[-1].startswith("320100 told the caller: closed")
