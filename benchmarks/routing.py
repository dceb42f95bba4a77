"""How fast one handoff decision is in process, and how its cost grows with the directory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from twelve333.api.routing.v1 import service_pb2
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.routing.model import State
from twelve333.core.routing.rules import decide
from twelve333.wire.routing import call_to_wire, route_to_wire

from .directories import NOW, calls, snapshot
from .echo import PEER, echo
from .figure import MICROSECONDS, Figure, figure, middle, rate_and_times
from .measure import Side, concurrent, interleave, repeated

DECISIONS_A_SECOND: Final = 60_000  # a decision must not be what limits a node


async def decisions() -> list[Figure]:
    """`routing.decide_366` and `routing.decide_3000` beside a bare echo of the same question; `routing.decide_growth` beside each other."""
    small, large = snapshot(366), snapshot(3000)
    asked = calls(small, 1)[0]
    answer = route_to_wire(decide(small, State(), asked, NOW))
    question = service_pb2.ExplainRouteRequest(call=call_to_wire(asked))
    with tempfile.TemporaryDirectory(prefix="twelve333-bench-") as folder:
        async with echo(Path(folder), {"ExplainRoute": answer}) as peers:
            sides = {
                "366": _deciding(small),
                "3000": _deciding(large),
                "echo": concurrent(lambda: peers["ExplainRoute"](question), 1),
            }
            taken = await interleave(sides)
    costs = {name: [one.seconds / one.count * 1e6 for one in taken[name]] for name in ("366", "3000")}
    return [
        *rate_and_times("routing.decide_366", taken["366"], PEER, taken["echo"], DECISIONS_A_SECOND),
        *rate_and_times("routing.decide_3000", taken["3000"], PEER, taken["echo"], DECISIONS_A_SECOND),
        figure("routing.decide_growth", MICROSECONDS, middle(costs["3000"]), "routing.decide_366", middle(costs["366"])),
    ]


def _deciding(directory: Snapshot) -> Side:
    asked, nothing_observed = calls(directory, 5_000), State()
    return repeated(lambda number: decide(directory, nothing_observed, asked[number % len(asked)], NOW))
