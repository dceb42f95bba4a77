"""A service's own program on a machine whose clock is wrong, or in an older release that does not know an event yet.

`python -m tests.faults.program node run …` is `twelve333 node run …`, but for what these variables say:

FAULTS_CLOCK: a file with the seconds by which this machine's clock is off, read each time that somebody asks. What TLS itself thinks of
    a certificate's dates still follows the true clock; those are proved with certificates that have really ended.
FAULTS_UNKNOWN: the full name of a message that no applier is there for, as in a release from before it was invented.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from twelve333.adapters import clock

CLOCK: Final = "FAULTS_CLOCK"
UNKNOWN: Final = "FAULTS_UNKNOWN"


def shifted(path: Path) -> Callable[[], datetime]:
    """A clock that is off by what stands in the file."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(path.read_text()))

    return now


def forgetting(appliers: Callable[..., dict[str, Any]], name: str) -> Callable[..., dict[str, Any]]:
    """Appliers without the one for this message."""
    return lambda *parts: {known: applier for known, applier in appliers(*parts).items() if known != name}


def main() -> None:
    """Change what is asked for before anything takes hold of it, then run."""
    if path := os.environ.get(CLOCK):
        vars(clock)["system_clock"] = shifted(Path(path))
    if name := os.environ.get(UNKNOWN):
        from province_node import assembly

        vars(assembly)["appliers"] = forgetting(assembly.appliers, name)  # type: ignore[arg-type]
    from twelve333.cli.main import run

    run()


if __name__ == "__main__":
    main()
