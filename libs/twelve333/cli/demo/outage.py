"""The outage of the demo: hub and broker gone, work goes on, and afterwards everything arrives once.

Nothing is taken on trust: every member is asked how many events it appended for each destination, and every destination how many of
them took effect there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from time import perf_counter

from ...core.cases.model import State
from ...core.delivery.status import DeliveryStatus
from .cases import NANJING, SHANGHAI, WAGES, reached
from .federation import Federation
from .handoffs import call_during_outage
from .stage import Stage, until

Pair = tuple[str, str]  # origin, destination


async def survive_an_outage(stage: Stage) -> None:
    """Stop hub and broker, work on, start both again, and count."""
    federation, outage = stage.federation, stage.figures.outage
    await federation.stop_hub_and_broker()
    stage.tell.section("DEMO_OUTAGE")
    await call_during_outage(stage)
    case_id = await _open_a_case(stage)
    await _search(stage)
    outage.queued = sum(_queued(await _nodes_status(federation)).values())
    stage.tell.say("DEMO_OUTAGE_CASE", queued=outage.queued)
    began = perf_counter()
    await federation.restart_hub_and_broker()
    await until("delivery of what waited", lambda: _all_delivered(federation))
    async with federation.nodes[SHANGHAI].connect() as shanghai:
        await reached(shanghai, case_id, State.OFFERED)
    everybody = [await _hub_status(federation), *await _nodes_status(federation)]
    outage.delivered = outage.queued - sum(_queued(everybody[1:]).values())
    outage.lost, outage.duplicated = _compare(everybody)
    words = {"delivered": outage.delivered, "lost": outage.lost, "duplicated": outage.duplicated}
    stage.tell.say("DEMO_OUTAGE_BACK", **words, seconds=f"{perf_counter() - began:.1f}")


async def _open_a_case(stage: Stage) -> str:
    async with stage.federation.nodes["320000"].connect() as jiangsu:
        case = await jiangsu.cases.open(NANJING, topic=WAGES, region=SHANGHAI, summary="包工头失联，工资未结清")
        await jiangsu.cases.transfer(case, SHANGHAI)
    return case.case_id


async def _search(stage: Stage) -> None:
    async with stage.federation.nodes["350000"].connect() as fujian:
        found = await fujian.library.search("工伤")
    stage.tell.say("DEMO_OUTAGE_LIBRARY", total=found.total)


async def _nodes_status(federation: Federation) -> list[DeliveryStatus]:
    return list(await asyncio.gather(*(_status(federation, name) for name in federation.nodes)))


async def _status(federation: Federation, name: str) -> DeliveryStatus:
    async with federation.nodes[name].connect() as node:
        return await node.delivery.status()


async def _hub_status(federation: Federation) -> DeliveryStatus:
    async with federation.hub.connect() as hub:
        return await hub.delivery.status()


async def _all_delivered(federation: Federation) -> bool:
    everybody = [await _hub_status(federation), *await _nodes_status(federation)]
    return not any(_queued(everybody).values())


def _queued(members: list[DeliveryStatus]) -> Counter[Pair]:
    """What waits, by origin and destination."""
    return Counter({(member.member, line.destination): line.queued for member in members for line in member.outbox})


def _compare(members: list[DeliveryStatus]) -> tuple[int, int]:
    """How many events were appended and never took effect, and how many took effect more than once."""
    appended = Counter({(m.member, line.destination): line.queued + line.delivered for m in members for line in m.outbox})
    effects = Counter({(line.origin, m.member): line.applied for m in members for line in m.inbox})
    return (appended - effects).total(), (effects - appended).total()
