#!/usr/bin/env python3
"""Resolves requirements.lock from pyproject.toml: exact versions with hashes, no address of any index.

One file, two parts: what a node or the hub runs with comes first, what only development needs follows after the marker line, so
that the demo installs a tenth of the whole. `--upgrade` takes the newest versions allowed; without it what is locked stays.
Needs uv, a tool of developers that setup does not install (`pip install uv`).
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
MARKER = "# development\n"


def main() -> int:
    """Write the lock; 1 with a sentence if it cannot be resolved."""
    parser = argparse.ArgumentParser(description="Resolve requirements.lock from pyproject.toml.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    asked = parser.parse_args()
    uv = shutil.which("uv")
    if uv is None:
        print("lock: uv is not on PATH; install it in an environment of your own: pip install uv", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="twelve333-lock-") as scratch:
        whole, run, build = (Path(scratch) / name for name in ("whole.txt", "run.txt", "build.in"))
        if LOCK.exists() and not asked.upgrade:
            whole.write_text(LOCK.read_text(encoding="utf-8").replace(MARKER, ""), encoding="utf-8")
        build.write_text("\n".join(_build_requirements()), encoding="utf-8")
        if not _compile(uv, "--extra", "dev", str(build), "-o", str(whole)):
            return 1
        if not _compile(uv, "--extra", "service", str(build), "-c", str(whole), "-o", str(run)):
            return 1
        LOCK.write_text(join(_entries(whole), _entries(run)), encoding="utf-8")
    return 0


def join(whole: dict[str, str], run: dict[str, str]) -> str:
    """The text of the lock: the entries of `run`, the marker, then those of `whole` that are not in `run`.

    Args:
        whole, run: entry (with its hashes, ending in a newline) by name of the package.
    """
    return "".join(run.values()) + MARKER + "".join(text for name, text in whole.items() if name not in run)


def _build_requirements() -> list[str]:
    # The project itself is installed without build isolation, so its build back end is locked as well.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return list(project["build-system"]["requires"])


def _compile(uv: str, *options: str) -> bool:
    common = ["--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11"]
    return subprocess.run([uv, "pip", "compile", *common, "pyproject.toml", *options], cwd=ROOT, check=False).returncode == 0


def _entries(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    return {part.split("==")[0]: part for part in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if part.strip()}


if __name__ == "__main__":
    sys.exit(main())
