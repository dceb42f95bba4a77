"""How fast one handoff decision is in process, and how its cost grows with the directory."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from twelve333.api.routing.v1 import service_pb2
from twelve333.core.coverage.model import DayHours, Span
from twelve333.core.coverage.seats import Part
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.routing.model import Gap, PartSlots, Queue, Slots, State
from twelve333.core.routing.policy import Action, Policy, Rule, Target, When, policies_by_unit
from twelve333.core.routing.rules import decide
from twelve333.wire.routing import call_to_wire, route_to_wire

from .directories import NOW, calls, snapshot
from .echo import PEER, echo
from .figure import MICROSECONDS, Figure, figure, middle, rate_and_times
from .measure import Side, concurrent, interleave, repeated

DECISIONS_A_SECOND: Final = 60_000  # a decision must not be what limits a node
P99_US: Final = 50.0


async def full_decisions() -> list[Figure]:
    """`routing.decide_full_366`, `_3000`, `_growth`: with rules, queues, slots and gaps of every unit, beside the same without any."""
    small, large = snapshot(366), snapshot(3000)
    sides = {
        "366": _deciding_fully(small),
        "3000": _deciding_fully(large),
        "bare 366": _deciding(small),
        "bare 3000": _deciding(large),
    }
    taken = await interleave(sides)
    figures = list[Figure]()
    for size in ("366", "3000"):
        name, peer = f"routing.decide_full_{size}", f"routing.decide_{size}"
        figures += rate_and_times(name, taken[size], peer, taken[f"bare {size}"], DECISIONS_A_SECOND)
    p99 = [replace(one, target=P99_US, met=one.value <= P99_US) if one.name.endswith("p99") else one for one in figures]
    costs = {name: [one.seconds / one.count * 1e6 for one in taken[name]] for name in ("366", "3000")}
    growth = figure("routing.decide_full_growth", MICROSECONDS, middle(costs["3000"]), "routing.decide_full_366", middle(costs["366"]))
    return [*p99, growth]


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


def _deciding_fully(directory: Snapshot) -> Side:
    asked, state, policies = calls(directory, 5_000), _observed(directory), policies_by_unit(_policies(directory))
    return repeated(lambda number: decide(directory, state, asked[number % len(asked)], NOW, policies))


def _policies(directory: Snapshot) -> list[Policy]:
    """Two rules for every unit: one that splits its calls over two others by weight, one that refuses some at certain hours."""
    codes, made = sorted(directory.units), list[Policy]()
    windows = tuple(DayHours(day, (Span(480, 720), Span(810, 1080))) for day in range(1, 6))
    for number, code in enumerate(codes):
        others = (Target(codes[number - 1], 3), Target(codes[number - 2], 1))
        prefer = Rule("spread", 2, Action.PREFER, When(topics=("03",), windows=windows, waiting_min=1, share_pct=50), others)
        refuse = Rule("crowded", 1, Action.REFUSE, When(topics=("04",), wait_min_s=60, windows=windows))
        made.append(Policy(code, 1, (prefer, refuse)))
    return made


def _observed(directory: Snapshot) -> State:
    """Of every unit a queue, slots by part; of every twentieth a gap."""
    later, codes = NOW + timedelta(seconds=5), sorted(directory.units)
    parts = (
        PartSlots(Part("skill * ug", 2, language="ug"), 1),
        PartSlots(Part("for 110000", 5, kept=True, source="110000"), 2),
        PartSlots(Part("for *", 15, kept=True), 3),
    )
    queues = {code: Queue(True, 3, number % 4, 30 * (number % 4), NOW, later) for number, code in enumerate(codes)}
    slots = {code: Slots(5 if number % 10 else 0, later, parts) for number, code in enumerate(codes)}
    return State(queues=queues, slots=slots, gapped=dict.fromkeys(codes[::20], Gap(later)))


def _deciding(directory: Snapshot) -> Side:
    asked, nothing_observed = calls(directory, 5_000), State()
    return repeated(lambda number: decide(directory, nothing_observed, asked[number % len(asked)], NOW))
