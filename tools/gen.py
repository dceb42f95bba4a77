#!/usr/bin/env python3
"""Makes libs/twelve333/api from proto/, so that code and schema can never disagree.

Everything is generated into a scratch folder first and only files that differ are put in place: two runs leave no diff, a run
that fails leaves the tree as it was, and a test that runs meanwhile never sees half a module. `--check` changes nothing and
ends with 1 if the tree is not what the schemas say. Names of capabilities limit the run to them (`gen.py cases`).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
API = Path("twelve333/api")
HEADER = '"""Generated from proto/ by `make gen`; never edited."""\n'


def main() -> int:
    """Generate, or with --check compare; the exit code says whether it went well."""
    parser = argparse.ArgumentParser(description="Generate libs/twelve333/api from proto/.")
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the tree differs from the schemas")
    parser.add_argument("capability", nargs="*", help="only these, for example: cases coverage")
    asked = parser.parse_args()
    with _locked(), tempfile.TemporaryDirectory(prefix="twelve333-gen-") as scratch:
        made = Path(scratch)
        protos = list(_protos(asked.capability))
        if protos and not _compile(protos, made):
            return 1
        _add_packages(made / API)
        changes = list(_differences(made, asked.capability))
        if asked.check:
            print("\n".join(f"differs: libs/{path}" for path in changes) or "generated code is up to date")
            return 1 if changes else 0
        for path in changes:
            _put(made / path, ROOT / "libs" / path)
        print(f"generated from {len(protos)} schemas, {len(changes)} files changed")
    return 0


@contextmanager
def _locked() -> Iterator[None]:
    """Let one run at a time touch the tree; the lock goes with the process, however it ends."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with (build / "gen.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _protos(only: list[str]) -> Iterator[str]:
    for path in sorted(PROTO.rglob("*.proto")):
        name = path.relative_to(PROTO)
        if not only or name.parts[2] in only:
            yield str(name)


def _compile(protos: list[str], out: Path) -> bool:
    well_known = files("grpc_tools") / "_proto"
    outputs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python")] + [
        f"--{kind}_out=quiet:{out}" for kind in ("mypy", "mypy_grpc")
    ]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{well_known}", *outputs, *protos]
    # The plugins stand beside the interpreter, which need not be on PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return subprocess.run(command, env={**os.environ, "PATH": path}, check=False).returncode == 0


def _add_packages(api: Path) -> None:
    api.mkdir(parents=True, exist_ok=True)
    for folder in [api, *(path for path in api.rglob("*") if path.is_dir())]:
        (folder / "__init__.py").write_text(HEADER, encoding="utf-8")


def _differences(made: Path, only: list[str]) -> Iterator[Path]:
    """Relative paths to write (new or changed) or to remove (made by an earlier schema, not by this one)."""
    there = ROOT / "libs"
    new = {path.relative_to(made) for path in made.rglob("*") if path.is_file()}
    old = {path.relative_to(there) for path in (there / API).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    for path in sorted(new):
        if path not in old or (made / path).read_bytes() != (there / path).read_bytes():
            yield path
    for path in sorted(old - new):
        if not only or path.relative_to(API).parts[0] in only:
            yield path


def _put(source: Path, target: Path) -> None:
    if not source.exists():
        target.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(source.read_bytes())
    beside.replace(target)


if __name__ == "__main__":
    sys.exit(main())
