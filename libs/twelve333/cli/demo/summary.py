"""The figures of the demo, counted at the members at its end, and how they are shown."""

from __future__ import annotations

from pathlib import Path

from ...core.cases.messages import CallerTold
from ...core.cases.model import Case, State
from .stage import Stage


async def measure(stage: Stage) -> None:
    """Count handoffs at the nodes and cases at the hub."""
    await _count_cases(stage)
    stage.figures.library.nodes_in_sync = await _nodes_in_sync(stage)


async def _count_cases(stage: Stage) -> None:
    counts = stage.figures.cases
    async with stage.federation.hub.connect() as hub:
        async for listed in hub.cases.each():
            case = await hub.cases.get(listed.case_id)
            counts.opened += 1
            counts.closed += case.state is State.CLOSED
            counts.caller_told_by_first_asked += _told_by_first_asked(case)


def _told_by_first_asked(case: Case) -> bool:
    return any(isinstance(step, CallerTold) and step.stamp.by == case.first_asked for step in case.history)


async def _nodes_in_sync(stage: Stage) -> int:
    in_sync = 0
    for member in stage.federation.nodes.values():
        async with member.connect() as node:
            in_sync += (await node.registration.node_status()).library_release == stage.figures.library.release
    return in_sync


def summarise(stage: Stage, kept: Path | None) -> None:
    """The last page."""
    figures, tell = stage.figures, stage.tell
    tell.section("DEMO_SUMMARY", seconds=figures.seconds)
    rows = [
        ("DEMO_SUMMARY_COVERAGE", (f"{figures.coverage.open}/{figures.coverage.units}", figures.coverage.with_system)),
        ("DEMO_SUMMARY_LIBRARY", (figures.library.entries, f"{figures.library.nodes_in_sync}/{figures.nodes}")),
        ("DEMO_SUMMARY_HANDOFFS", _values(figures.handoffs, "offered connected refused connected_while_hub_down")),
        ("DEMO_SUMMARY_CASES", _values(figures.cases, "opened closed caller_told_by_first_asked")),
        ("DEMO_SUMMARY_OUTAGE", _values(figures.outage, "queued delivered lost duplicated")),
    ]
    tell.table(("", ""), [(tell.text(key), "  ".join(map(str, values))) for key, values in rows])
    if kept:
        tell.say("DEMO_KEPT", path=kept)
    tell.say("DEMO_STOPPED")


def _values(figures: object, names: str) -> list[int]:
    return [getattr(figures, name) for name in names.split()]
