"""`python -m benchmarks [ONLY]`: measure what begins with ONLY (all without it), print a table, write `build/bench.json`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

import structlog
from rich.console import Console

from twelve333.client.errors import ServiceError
from twelve333.core.decision import Refused

from . import (
    alike,
    cases,
    crowd,
    day,
    delivery,
    faulted,
    flood,
    handoff,
    library,
    partition,
    queues,
    routing,
    searched,
    searching,
    sync,
    urgent,
)
from .figure import Figure, PartlyAbsent, show, write
from .measure import Absent, Failed

OUT: Final = Path(os.environ.get("TWELVE333_BENCH_OUT") or Path(__file__).resolve().parents[1] / "build" / "bench.json")

# What is measured together, by the names of its figures up to their endings.
GROUPS: Final[Sequence[tuple[tuple[str, ...], Callable[[], Awaitable[list[Figure]]]]]] = (
    (("cases.deadlines",), cases.deadlines),
    (("cases.steps_sqlite",), cases.steps),
    (("coverage.partition_366", "coverage.partition_3000"), partition.proofs),
    (("routing.decide_366", "routing.decide_3000", "routing.decide_growth"), routing.decisions),
    (("routing.decide_full_366", "routing.decide_full_3000", "routing.decide_full_growth"), routing.full_decisions),
    (("routing.queue_everywhere",), queues.everywhere),
    (("library.search_two_char",), library.search_two_char),
    (("library.search_recall", "library.search_spoken_found"), searching.quality),
    (("library.search_words", "library.search_spoken"), searching.speed),
    (("library.search_syncing",), searched.syncing),
    (("library.search_postgresql",), searching.on_postgresql),
    (("library.search_growth_4", "library.search_growth_16"), searching.growth),
    (("library.search_answers", "library.search_statutes", "library.search_articles"), searching.answers),
    (("library.first_copy_loopback",), library.first_copy),
    (("library.alike",), alike.alike_entries),
    (("library.copy_loopback", "library.copy_poll", "library.copy_slow"), sync.first_copies),
    (("library.copy_replicated",), sync.replicated),
    (("library.change_node", "library.change_bytes", "library.change_32_nodes", "library.change_cpu"), sync.changes),
    (("library.killed_frames",), sync.kills),
    (("library.urgent_everywhere",), urgent.urgent),
    (("library.copy_growth_4", "library.copy_growth_16"), sync.growth),
    (("delivery.events_sqlite", "delivery.backlog_sqlite"), delivery.on_sqlite),
    (("delivery.events_postgresql", "delivery.backlog_postgresql"), delivery.on_postgresql),
    (("handoff.decision_grpc", "handoff.node_to_node_sqlite", "handoff.bare_path"), handoff.on_sqlite),
    (("handoff.node_to_node_postgresql",), handoff.on_postgresql),
    (("handoff.hub_killed", "handoff.broker_killed", "handoff.queues_stale", "handoff.peer_hung"), faulted.faulted),
    (("handoff.national_day", "hub.national_day_cpu"), day.national_day),
    (("hub.flood_p99",), flood.flood),
    (("hub.members_1_memory", "hub.members_32_memory", "hub.member_memory"), crowd.crowd),
)


async def measure(only: str, told: Console) -> tuple[list[Figure], int]:
    """The figures that begin with `only`, and how many groups failed."""
    figures, failed = list[Figure](), 0
    for names, run in GROUPS:
        if not _wanted(names, only):
            continue
        started = perf_counter()
        try:
            figures += [one for one in await run() if one.name.startswith(only)]
        except PartlyAbsent as part:
            figures += [one for one in part.figures if one.name.startswith(only)]
            for absent_names, reason in part.reasons.items():
                told.print(f"absent  {absent_names}: {reason}")
        except Absent as absent:
            told.print(f"absent  {', '.join(names)}: {absent}")
        except (Failed, Refused, ServiceError) as error:
            failed += 1
            told.print(f"failed  {', '.join(names)}: {error}")
        else:
            told.print(f"done    {', '.join(names)} in {perf_counter() - started:.0f} s")
    return figures, failed


def _wanted(names: Sequence[str], only: str) -> bool:
    """Whether a group has figures that begin with `only`."""
    return any(name.startswith(only) or only.startswith(name) for name in names)


def main(words: Sequence[str]) -> int:
    """Run; the exit code."""
    told = Console(stderr=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    started, load = perf_counter(), os.getloadavg()[0]
    only = words[0] if words else ""
    if not any(_wanted(names, only) for names, _ in GROUPS):
        told.print(f"No figure begins with {only!r}.")
        return 2
    figures, failed = asyncio.run(measure(only, told))
    write(figures, OUT)
    show(figures, Console(width=None if sys.stdout.isatty() else 160))
    cores, seconds = len(os.sched_getaffinity(0)), perf_counter() - started
    print(f"{cores} cores; load {load:.1f} before, {os.getloadavg()[0]:.1f} after; {seconds:.0f} s; written to {OUT}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
