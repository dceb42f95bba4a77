"""The set-up step says what is missing in one command where it may not install, and is quick where nothing is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "dirname", "mkdir", "flock", "rm", "chmod", "sed", "cat", "sha256sum", "grep", "env")

# Makes an environment whose pip writes down what it was asked for.
PYTHON = f"""
case "$*" in "-m venv "*) ;; *) exec {os.path.realpath(sys.executable)} "$@" ;; esac
mkdir -p .venv/bin
printf '#!/bin/sh\\necho "$*" >>pip-calls\\n' >.venv/bin/python
printf '#!/bin/sh\\n' >.venv/bin/twelve333
chmod +x .venv/bin/python .venv/bin/twelve333
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("tools", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "tools" / "setup.sh", tmp_path / "tools")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, tool
        (tmp_path / "bin" / tool).symlink_to(found)
    script(tmp_path / "bin" / "python3", PYTHON)
    # A machine without nats-server, on which this account is nobody special.
    script(tmp_path / "bin" / "id", "echo 1000")
    script(tmp_path / "bin" / "apt-get", 'echo "apt was called" >&2; exit 1')
    text = (tmp_path / "tools" / "setup.sh").read_text(encoding="utf-8")
    (tmp_path / "tools" / "setup.sh").write_text(text.replace('PATH="$PATH:/usr/sbin:/sbin"', 'PATH="$PATH"'), encoding="utf-8")
    return tmp_path


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def run(checkout: Path, part: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "bin/bash"), "tools/setup.sh", part],
        cwd=checkout,
        env={"PATH": str(checkout / "bin"), "HOME": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_the_right_to_install_it_prints_the_one_command(checkout: Path) -> None:
    done = run(checkout, "run")
    assert done.returncode == 3
    assert "apt-get install -y --no-install-recommends nats-server" in done.stderr
    assert "apt was called" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_what_the_benchmarks_compare_with_is_installed_for_them_alone(checkout: Path) -> None:
    missing = {part: run(checkout, part).stderr for part in ("test", "bench")}
    assert ("rsync" in missing["test"], "rsync" in missing["bench"]) == (False, True)
    assert missing["bench"].replace(" rsync", "") == missing["test"]


def test_an_unknown_part_is_refused_with_a_sentence(checkout: Path) -> None:
    done = run(checkout, "everything")
    assert done.returncode == 2
    assert "everything" in done.stderr


def test_where_apt_fails_it_shows_why(checkout: Path) -> None:
    script(checkout / "bin" / "id", "echo 0")
    (checkout / "bin" / "tail").symlink_to(shutil.which("tail") or "")
    done = run(checkout, "run")
    assert done.returncode == 4
    assert "apt was called" in done.stderr


def test_installs_only_locked_wheels_and_is_quick_the_second_time(checkout: Path) -> None:
    script(checkout / "bin" / "nats-server", "exit 0")
    (checkout / "pyproject.toml").write_text("", encoding="utf-8")
    (checkout / "requirements.lock").write_text("one==1\n# development\ntwo==2\n", encoding="utf-8")
    assert run(checkout, "run").returncode == 0
    calls = (checkout / "pip-calls").read_text(encoding="utf-8").splitlines()
    assert "--require-hashes --only-binary :all:" in calls[-2]
    assert "--no-deps --no-build-isolation" in calls[-1]
    assert (checkout / "build/locked.txt").read_text(encoding="utf-8") == "one==1\n"
    assert run(checkout, "run").returncode == 0
    assert (checkout / "pip-calls").read_text(encoding="utf-8").splitlines() == calls
