"""The folder of real policy texts, which is not part of the project: tests that need it are skipped where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def policy_texts() -> Path:
    """The folder: below TWELVE333_SHARED, or `shared/` beside the checkout."""
    given = os.environ.get("TWELVE333_SHARED")
    folder = (Path(given) if given else Path(__file__).resolve().parents[3] / "shared") / "library"
    if not folder.is_dir():
        pytest.skip("the folder of real policy texts is not here (TWELVE333_SHARED)")
    return folder
