"""`python -m twelve333.testing.fuzz --inputs 1000000`: every decoder that faces a peer, on every core."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context

from .run import Report, fuzz
from .targets import TARGETS

SHARES = 2  # pieces a decoder's inputs are cut into, so that cores share the load
SHOWN_MAX = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; the exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m twelve333.testing.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all (1000000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time (one a core)")
    asked = parser.parse_args(arguments)
    began, each = time.monotonic(), -(-asked.inputs // (len(TARGETS) * SHARES))
    work = [(name, each, asked.seed + share) for name in TARGETS for share in range(SHARES)]
    with get_context("fork").Pool(asked.processes, maxtasksperchild=1) as pool:
        reports = pool.starmap(fuzz, work, chunksize=1)
    for name in TARGETS:
        _say(name, [report for report in reports if report.target == name])
    faults, inputs = sum(len(report.faults) for report in reports), sum(report.inputs for report in reports)
    slowest = max(report.slowest_s for report in reports) * 1000
    seconds = time.monotonic() - began
    pace = f"{seconds:.0f} s, {inputs / seconds:.0f} inputs/s"
    sys.stdout.write(f"fuzz: {inputs} inputs for {len(TARGETS)} decoders, {faults} faults, slowest {slowest:.2f} ms CPU, {pace}\n")
    return 1 if faults else 0


def _say(name: str, reports: list[Report]) -> None:
    inputs, refused = sum(one.inputs for one in reports), sum(one.refused for one in reports)
    slowest, grown = max(one.slowest_s for one in reports) * 1000, max(one.grown_bytes for one in reports) >> 20
    sys.stdout.write(f"  {name:18} {inputs:8} inputs {refused:8} refused  slowest {slowest:6.2f} ms  grew {grown:3} MiB\n")
    for fault in [fault for one in reports for fault in one.faults][:SHOWN_MAX]:
        sys.stdout.write(f"      {fault}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
