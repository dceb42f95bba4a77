"""`python -m tests.faults [--quick] [ONLY]`: the faults whose names begin with ONLY (all without it), a table, and one line that tells all.

With `--quick` those that take minutes take seconds.
"""

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

from . import clocks, copies, crashes, damage, documents, floods, links, messages, packets, pairs, peers, restores, trust
from .run import Fault, Result, suffer
from .stage import staged

ROOMS: Final = (crashes, links, packets, messages, peers, floods, trust, documents, copies, clocks, damage, restores, pairs)
FAULTS: Final[Sequence[Fault]] = tuple(fault for room in ROOMS for fault in room.FAULTS)
QUICK: Final = "--quick"
KEEP: Final = "TWELVE333_FAULTS_FOLDER"  # keeps data and logs there


async def run(faults: Sequence[Fault], told: Console, *, quick: bool = False) -> list[Result]:
    """One federation for as many as leave it as it was; a new one after a fault that was not borne, or that set counts or clocks back."""
    results, left = list[Result](), list(faults)
    while left:
        with tempfile.TemporaryDirectory(prefix="twelve333-faults-") as made:
            folder = Path(os.environ[KEEP]) / str(len(results)) if KEEP in os.environ else Path(made)
            async with staged(folder, provinces := left[0].provinces) as stage:
                while left and left[0].provinces == provinces:
                    fault = left.pop(0)
                    results.append(result := await suffer(stage, fault, quick=quick))
                    told.print(_line(result), markup=False, highlight=False, soft_wrap=True)
                    if not result.skipped and (not result.held or fault.fresh or not fault.counting):
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
    only = next((word for word in words if word != QUICK), "")
    wanted = [fault for fault in FAULTS if fault.name.startswith(only)]
    if not wanted:
        told.print(f"No fault begins with {only!r}.")
        return 2
    results = asyncio.run(run(wanted, told, quick=QUICK in words))
    Console(width=None if sys.stdout.isatty() else 160).print(table(results))
    print(summary(results))
    return 0 if all(result.held or result.skipped for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
