"""The whole suite leaves no process behind: each worker looks for children of its own when everything else has ended."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_process_stays() -> Iterator[None]:
    """Set up before all others, so it looks last."""
    before = set(children())
    yield
    assert sorted(set(children()) - before) == []


def children() -> Iterator[str]:
    """Program and process id of each living child of this process."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # ended meanwhile
        program, _, rest = text.partition("(")[2].rpartition(")")
        state, parent = rest.split()[:2]
        if int(parent) == os.getpid() and state != "Z":
            yield f"{program} {stat.parent.name}"
