"""`python -m twelve333.testing.simulation --seeds 1000`: runs seeds on every core, prints what failed and how to replay it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from multiprocessing import get_context

from .plants import NONE, PLANTS
from .run import Outcome, simulate
from .scenario import MEMBERS

SHOWN_MAX = 5  # broken promises shown per seed
EXERCISED = {  # what the last lines count, so that one sees what a run was made of
    "work": ("accepted", "told", "step", "refused", "clouded", "gave way", "shown"),
    "faults": ("crashes", "restored", "broker down", "cut", "storm", "disk full", "commits refused", "clock set"),
    "messages": ("stores", "receipt", "calls", "lost", "stopped by a cut", "late", "doubled", "overtaken", "sent again by the broker"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds; the exit code is 1 if a promise was broken."""
    asked = _parse(arguments)
    if asked.replay is not None:
        return _replay(asked.replay, asked.plant)
    began = time.monotonic()
    counts, broken = Counter[str](), 0
    seeds = range(asked.first, asked.first + asked.seeds)
    with get_context("fork").Pool(asked.processes) as pool:
        for done, outcome in enumerate(pool.imap(partial(run_seed, plant=asked.plant), seeds, chunksize=4), 1):
            counts.update(outcome.counts)
            broken += bool(outcome.broken)
            if outcome.broken:
                _say_broken(outcome)
            if done % 100 == 0 or done == len(seeds):
                _say(f"  {done}/{len(seeds)} seeds, {broken} broken, {time.monotonic() - began:.0f} s")
    _say(_summary(len(seeds), broken, counts, time.monotonic() - began))
    return 1 if broken else 0


def run_seed(seed: int, plant: str = "") -> Outcome:
    """One seed by the name of the planted fault."""
    return simulate(seed, PLANTS[plant] if plant else NONE)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m twelve333.testing.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time (one a core)")
    parser.add_argument("--plant", choices=sorted(PLANTS), default="", help="plant this fault")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run one seed and print everything that happens")
    return parser.parse_args(arguments)


def _replay(seed: int, plant: str) -> int:
    outcome = simulate(seed, PLANTS[plant] if plant else NONE, keep=True)
    for line in outcome.lines:
        _say(line)
    _say(f"seed {seed} trace {outcome.digest} broken {len(outcome.broken)}")
    return 1 if outcome.broken else 0


def _say_broken(outcome: Outcome) -> None:
    _say(f"seed {outcome.seed} trace {outcome.digest}: {len(outcome.broken)} promises broken; replay with --replay {outcome.seed}")
    for line in outcome.broken[:SHOWN_MAX]:
        _say(f"    {line}")


def _summary(seeds: int, broken: int, counts: Counter[str], seconds: float) -> str:
    lines = [f"  {kind:9}{', '.join(f'{counts[name]} {name}' for name in names)}" for kind, names in EXERCISED.items()]
    return "\n".join([*lines, f"sim: {seeds} seeds, {len(MEMBERS)} members each, {broken} broken; {seconds:.0f} s"])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
