"""The examples of the SDK, run as a reader would run them, against real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.federation import cli, one_federation
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


def test_coverage_report(federation: Federation) -> None:
    lines = _run("coverage_report.py", federation.hub.profile)
    assert lines[-2].split("\t")[:2] == ["total", "366"]
    assert lines[-1].startswith("short of the targets:")


def test_search_library(federation: Federation) -> None:
    published = cli("library", "publish", "--sample", profile=federation.hub.profile)
    assert published.code == 0, published.err
    lines = _run("search_library.py", federation.hub.profile, "工伤", "在外地打工，老板不发工资怎么办")
    assert any(line.startswith("工伤: ") and not line.startswith("工伤: 0 ") for line in lines)
    assert any(line.startswith("在外地打工") for line in lines)


def test_hand_over_call(federation: Federation) -> None:
    lines = _run("hand_over_call.py", federation.nodes["360000"].folder / "profiles" / "desk-1", "360400", "350100")
    assert lines[-1].endswith(": completed")
