"""The tree stays readable: short files, short functions, nothing promised for later, and a Makefile that explains itself."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
PROMISES = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|raise NotImplementedError")
TARGETS = ("setup", "demo", "test", "faults", "sim", "fuzz", "bench", "gen", "lint", "lock", "clean", "help")


def sources() -> Iterator[Path]:
    """Python files under version control that people write."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.split():
        path = ROOT / name
        if "libs/twelve333/api/" not in name and path.exists():
            yield path


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    assert {name: length for path in sources() for name, length in functions(path) if length > FUNCTION_LINES_MAX} == {}


def test_nothing_is_promised_for_later() -> None:
    here = Path(__file__).resolve()
    assert [str(path) for path in sources() if path != here and PROMISES.search(path.read_text(encoding="utf-8"))] == []


def test_make_alone_explains_every_target() -> None:
    done = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30)
    explained = dict(re.findall(r"^  make (\w+) +(\S.*)$", done.stdout, flags=re.MULTILINE))
    assert set(explained) == set(TARGETS)
