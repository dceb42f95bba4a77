"""The breaking-change check finds a break, and says so when there is nothing to compare with."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = """syntax = "proto3";
package twelve333.api.probe.v1;
message Probe {{
  {field}
}}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """An empty repository with the check in it, on branch main."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "breaking.py", tmp_path / "tools")
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    git(tmp_path, "init", "-q", "-b", "main")
    return tmp_path


def git(checkout: Path, *arguments: str) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    subprocess.run(["git", *who, *arguments], cwd=checkout, check=True, capture_output=True)


def write(checkout: Path, field: str) -> None:
    path = checkout / "proto/twelve333/api/probe/v1/probe.proto"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SCHEMA.format(field=field), encoding="utf-8")


def commit(checkout: Path) -> None:
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "state")


def run(checkout: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "tools/breaking.py"], cwd=checkout, capture_output=True, text=True, check=False, timeout=60)


def test_first_landing_has_nothing_to_break(checkout: Path) -> None:
    commit(checkout)
    write(checkout, "string name = 1;")
    done = run(checkout)
    assert done.returncode == 0
    assert "nothing to break" in done.stdout


def test_a_new_field_is_compatible(checkout: Path) -> None:
    write(checkout, "string name = 1;")
    commit(checkout)
    write(checkout, "string name = 1;\n  string other = 2;")
    assert run(checkout).returncode == 0


def test_a_changed_type_is_found_from_a_detached_clone(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(checkout, "string name = 1;")
    commit(checkout)
    clone = tmp_path_factory.mktemp("clone")
    git(clone, "clone", "-q", str(checkout), ".")
    git(clone, "checkout", "-q", "--detach")
    git(clone, "branch", "-qD", "main")
    write(clone, "int32 name = 1;")
    done = run(clone)
    assert done.returncode != 0
    assert "origin/main" in done.stdout
    assert "name" in done.stdout
