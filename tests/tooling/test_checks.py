"""Style, types, layers and schemas hold in the whole tree: each check is one test, so a failure names itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent

CHECKS = {
    "ruff": [str(BIN / "ruff"), "check", "--quiet", "--output-format", "concise", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "mypy": [str(BIN / "mypy"), "--no-error-summary"],
    "import_layers": [str(BIN / "lint-imports"), "--no-cache"],
    "buf_lint": [str(BIN / "buf"), "lint"],
    "buf_breaking": [sys.executable, "tools/breaking.py"],
    "generated_code_is_up_to_date": [sys.executable, "tools/gen.py", "--check"],
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CHECKS)
def test_check_passes(name: str) -> None:
    done = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, f"{name} failed:\n{done.stdout}{done.stderr}"
