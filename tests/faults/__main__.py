"""`python -m tests.faults [ONLY]`: the faults whose names begin with ONLY (all without it), a table, and one line that tells all."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
from rich.console import Console
from rich.table import Table

from . import crashes, links, pairs, peers, restores
from .run import Fault, Result, suffer
from .stage import staged

FAULTS: Final[Sequence[Fault]] = (*crashes.FAULTS, *links.FAULTS, *pairs.FAULTS, *peers.FAULTS, *restores.FAULTS)
KEEP: Final = "TWELVE333_FAULTS_FOLDER"  # keeps data and logs there


async def run(faults: Sequence[Fault], told: Console) -> list[Result]:
    """One federation for all of them; a new one after a fault that was not borne, and after a restore, whose counts are set back."""
    results, left = list[Result](), list(faults)
    while left:
        with tempfile.TemporaryDirectory(prefix="twelve333-faults-") as made:
            folder = Path(os.environ[KEEP]) / str(len(results)) if KEEP in os.environ else Path(made)
            async with staged(folder) as stage:
                while left:
                    fault = left.pop(0)
                    results.append(result := await suffer(stage, fault))
                    told.print(_line(result), markup=False, highlight=False, soft_wrap=True)
                    if not (result.held and fault.counting):
                        break
    return results


def _line(result: Result) -> str:
    if result.skipped:
        return f"skipped  {result.name}: {result.skipped}"
    told = "; ".join([*([result.error] if result.error else []), *result.verdict.notes[:5]])
    return f"{'held' if result.held else 'FAILED':8} {result.name} in {result.heal_s:.1f} s{': ' + told if told else ''}"


def summary(results: Sequence[Result]) -> str:
    """The last line."""
    ran = [result for result in results if not result.skipped]
    held = sum(result.held for result in ran)
    lost, duplicated = sum(result.verdict.lost for result in ran), sum(result.verdict.duplicated for result in ran)
    return f"faults: {len(ran)} run, {held} held, {lost} lost, {duplicated} duplicated"


def table(results: Sequence[Result]) -> Table:
    """One row a fault."""
    made = Table("fault", *(f"{name}" for name in ("accepted", "delivered", "duplicated", "lost", "seconds to heal", "held")))
    for result in results:
        verdict = result.verdict
        counts = (result.accepted, verdict.delivered, verdict.duplicated, verdict.lost, f"{result.heal_s:.1f}")
        made.add_row(result.name, *map(str, counts), result.skipped or ("yes" if result.held else "NO"))
    return made


def main(words: Sequence[str]) -> int:
    """Run; the exit code."""
    told = Console(stderr=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    wanted = [fault for fault in FAULTS if fault.name.startswith(words[0] if words else "")]
    if not wanted:
        told.print(f"No fault begins with {words[0]!r}.")
        return 2
    results = asyncio.run(run(wanted, told))
    Console(width=None if sys.stdout.isatty() else 160).print(table(results))
    print(summary(results))
    return 0 if all(result.held or result.skipped for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
