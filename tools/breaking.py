#!/usr/bin/env python3
"""Decides whether proto/ still speaks with what has been released: provinces upgrade at different times.

Compares with the main branch: `origin/main` where there is one, else the local `main`. Where neither exists, or main has no
schemas yet, there is nothing to break, and it says so.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BRANCHES = ("origin/main", "main")


def main() -> int:
    """Print what was compared; the exit code is buf's."""
    base = released()
    if base is None:
        print("nothing to break: there is no main branch with schemas to compare with")
        return 0
    with tempfile.TemporaryDirectory(prefix="twelve333-breaking-") as scratch:
        # buf's own git input needs the ref to be fetchable, which a detached or shallow clone does not promise; an archive always works.
        archive = _git("archive", base, "--", "proto", "buf.yaml")
        subprocess.run(["tar", "-x", "-C", scratch], input=archive.stdout, check=True)
        buf = Path(sys.executable).parent / "buf"
        done = subprocess.run([str(buf), "breaking", "--against", scratch], cwd=ROOT, check=False)
    print(f"compared with {base}: {'compatible' if done.returncode == 0 else 'not compatible'}")
    return done.returncode


def released() -> str | None:
    """The branch that holds the released schemas, or None if there is none."""
    for branch in BRANCHES:
        listed = _git("ls-tree", "-r", "--name-only", branch, "--", "proto", "buf.yaml")
        names = listed.stdout.decode().split()
        if listed.returncode == 0 and "buf.yaml" in names and any(name.endswith(".proto") for name in names):
            return branch
    return None


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
