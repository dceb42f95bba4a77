"""Calls handed over in the demo: to the unit that can answer, past a refusal, past a suspended unit, to a neighbour by agreement."""

from __future__ import annotations

from time import perf_counter

from ...client import Connection
from ...client.handoffs import HandoffView
from ...core.ids import province_of
from ...core.registration.model import UnitStatus
from ...core.routing.machine import HandoffState
from .stage import Stage, everybody_has_directory

JIUJIANG, FUZHOU, XIAMEN, QUANZHOU, QIQIHAR = "360400", "350100", "350200", "350500", "230200"
SHANGHAI, NANJING = "310000", "320100"
FILES = "09"


async def hand_calls_over(stage: Stage) -> None:
    """Four calls, each told with the units that were considered and why."""
    stage.tell.section("DEMO_HANDOFFS")
    context = {"question": "人事档案从福州调取的手续", "told": "2019 年离职，档案存放在福州市人才中心"}
    first = await _call(stage, "DEMO_HANDOFF_FILE", JIUJIANG, FUZHOU, context)
    await _show_context(stage, first)
    second = await _call(stage, "DEMO_HANDOFF_BUSY", SHANGHAI, FUZHOU)  # holds no slots there, so it asks
    for view, origin in ((first, JIUJIANG), (second, SHANGHAI)):
        await _complete(stage, origin, view)
    await _suspend(stage, XIAMEN)
    await _complete(stage, SHANGHAI, await _call(stage, "DEMO_HANDOFF_SUSPENDED", SHANGHAI, XIAMEN))
    await _complete(stage, NANJING, await _call(stage, "DEMO_HANDOFF_AGREEMENT", NANJING, QIQIHAR))


async def call_during_outage(stage: Stage) -> None:
    """A call from 江苏 to 福建 while hub and broker are away."""
    began = perf_counter()
    view = await _place(stage, NANJING, QUANZHOU, {})
    milliseconds = round((perf_counter() - began) * 1000)
    handoff = view.handoff
    stage.figures.handoffs.connected_while_hub_down += handoff.state is HandoffState.CONNECTED
    told = stage.tell.text(f"ROUTING_STATE_{handoff.state.name}", unit=stage.name(handoff.unit))
    stage.tell.say("DEMO_OUTAGE_CALL", told=told, milliseconds=milliseconds)
    await _complete(stage, NANJING, view)


async def _call(stage: Stage, key: str, origin: str, region: str, context: dict[str, str] | None = None) -> HandoffView:
    stage.tell.line("")
    stage.tell.say(key)
    view = await _place(stage, origin, region, context or {})
    _show_route(stage, view)
    return view


async def _place(stage: Stage, origin: str, region: str, context: dict[str, str]) -> HandoffView:
    """Place the call at the node of `origin`; if a unit took it, it is put through and reported connected."""
    async with _node(stage, origin) as node:
        view = await node.handoffs.place(origin, region, topic=FILES, caller_region=origin, context=context)
        if view.handoff.state is HandoffState.ACCEPTED:
            view = await node.handoffs.connected(view.handoff.call.id)
    states = [step.state for step in view.handoff.steps]
    stage.figures.handoffs.offered += states.count(HandoffState.OFFERED)
    stage.figures.handoffs.refused += states.count(HandoffState.REFUSED)
    stage.figures.handoffs.connected += states.count(HandoffState.CONNECTED)
    return view


async def _complete(stage: Stage, origin: str, view: HandoffView) -> None:
    if view.handoff.state is HandoffState.CONNECTED:
        async with _node(stage, origin) as node:
            await node.handoffs.completed(view.handoff.call.id)


async def _show_context(stage: Stage, view: HandoffView) -> None:
    """What the consultant who took the call sees."""
    async with _node(stage, view.handoff.unit) as node:
        arrived = await node.handoffs.get(view.handoff.call.id)
    stage.tell.say("DEMO_HANDOFF_CONTEXT", context=" / ".join(arrived.context.values()))


async def _suspend(stage: Stage, unit: str) -> None:
    """As the province's IT does; every node knows before the next call."""
    member = stage.federation.nodes[province_of(unit)]
    async with member.connect(member.folder / "profiles" / "hub") as hub:
        _, version = await hub.registration.change_status(unit, UnitStatus.SUSPENDED)
    await everybody_has_directory(stage.federation, version)


def _show_route(stage: Stage, view: HandoffView) -> None:
    handoff, text = view.handoff, stage.tell.text
    for candidate in handoff.route.candidates if handoff.route else ():
        relation = text(f"COVERAGE_RELATION_{candidate.relation.name}")
        stage.tell.line(f"  {stage.name(candidate.unit)} ({relation}): {text(f'COVERAGE_VERDICT_{candidate.verdict.name}')}")
    for step in handoff.steps:
        told = text(f"ROUTING_STATE_{step.state.name}", unit=stage.name(step.unit))
        why = f": {text(f'{step.reason}_BRIEF')} [{step.reason}]" if step.reason else ""
        stage.tell.line(f"  → {told}{why}")


def _node(stage: Stage, unit: str) -> Connection:
    return stage.federation.nodes[province_of(unit)].connect()
