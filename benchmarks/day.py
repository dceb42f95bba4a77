"""A national day of 2013 in accelerated time: the calls that the country hands on, placed, put through and completed between real nodes.

The simulator of `twelve333 simulate day` says which calls of the day are handed on. Two nodes hand them to each other's units as fast as
they can, a hub is told of all of it. Nothing may be lost: each must be completed at the hub, in the end. Beside it: how many the busiest
hour of that day has, and what of all work of hub and nodes is the hub's.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import date
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Final

from twelve333.api.routing.v1 import service_pb2
from twelve333.cli.demo.federation import Federation
from twelve333.cli.simulate.country import country
from twelve333.cli.simulate.day import Day
from twelve333.cli.simulate.traffic import HOUR_S, HOURS, Scenario, calls_of
from twelve333.data.resources import topic_codes

from .federation import ORIGIN, two_nodes
from .figure import MICROSECONDS, PER_SECOND, Figure, figure, middle
from .handoff import CALLERS, SECONDS, Desk, desk_of
from .measure import ROUNDS, Failed, scaled

THE_DAY: Final = Scenario(date(2013, 3, 12))
HANDOFFS: Final = 400  # of the day in one round
WITHIN_SECONDS: Final = 60.0


async def national_day() -> list[Figure]:
    """`handoff.national_day` and `hub.national_day_cpu`."""
    busiest = _handed_on(THE_DAY) * max(HOURS) / sum(HOURS) / HOUR_S
    rates, hub, nodes = list[float](), list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with two_nodes(Path(folder)) as federation, desk_of(federation) as desk:
            for number in range(ROUNDS + 1):
                count, before, started = scaled(HANDOFFS, CALLERS), _spent(federation), perf_counter()
                await _play(desk, count)
                seconds = perf_counter() - started
                await _all_told(federation, desk)
                if number:  # the first round warms up
                    after = _spent(federation)
                    rates.append(count / seconds)
                    hub.append((after[0] - before[0]) / count * 1e6)
                    nodes.append((after[1] - before[1]) / count * 1e6)
    return [
        figure("handoff.national_day", PER_SECOND, middle(rates), "handoffs in the busiest hour of 2013", middle([busiest])),
        figure("hub.national_day_cpu", MICROSECONDS, middle(hub), "CPU of both nodes", middle(nodes)),
    ]


def _handed_on(scenario: Scenario) -> int:
    """How many calls of the day go to another unit."""
    snapshot = country(scenario)
    day = Day(snapshot, scenario, calls_of(scenario, snapshot.units.values(), sorted(topic_codes())))
    for _ in day.run():
        pass
    if day.lost:
        raise Failed(f"the simulated day lost {day.lost} calls")
    return sum(book.by_others for book in day.books.values())


async def _play(desk: Desk, count: int) -> None:
    """Hand so many calls on, put them through and end them, 16 at a time."""
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in numbers:
            handoff = await desk.place()
            await desk.handoffs.ReportConnected(service_pb2.ReportConnectedRequest(id=handoff.call.id), timeout=SECONDS)
            await desk.handoffs.ReportCompleted(service_pb2.ReportCompletedRequest(id=handoff.call.id), timeout=SECONDS)

    await asyncio.gather(*(one_after_the_other() for _ in range(CALLERS)))


async def _all_told(federation: Federation, desk: Desk) -> None:
    """Wait until the hub has the end of every handoff that was placed."""
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while len(await asyncio.to_thread(_completed, federation)) < len(desk.held):
                await federation.nodes[ORIGIN].ready()
    except TimeoutError as error:
        missing = set(desk.held) - await asyncio.to_thread(_completed, federation)
        raise Failed(f"the hub never heard of the end of {len(missing)} handoffs, such as {list(islice(missing, 3))}") from error


def _completed(federation: Federation) -> set[str]:
    """The handoffs whose end the hub knows, from its database."""
    with closing(sqlite3.connect(f"file:{federation.hub.folder / 'hub.db'}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT DISTINCT handoff_id FROM handoff_steps WHERE state = 'completed'").fetchall()
    return {row[0] for row in rows}


def _spent(federation: Federation) -> tuple[float, float]:
    """Seconds of CPU that the hub, and both nodes together, have used so far."""
    return _cpu(federation.hub.process.pid), sum(_cpu(node.process.pid) for node in federation.nodes.values())


def _cpu(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
