"""JSON Schemas of the files that people write: for editors, for other programs, and for our own checks."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema of a kind of file.

    Args:
        name: `policy` or `unit`.
    """
    found: dict[str, Any] = json.loads(text(name))
    return found


def text(name: str) -> str:
    """The same, as it is published."""
    return files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
