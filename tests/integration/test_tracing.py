"""One trace follows a handoff over gRPC, and a case event over NATS, from member to member."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.federation import one_federation
from twelve333.cli.demo.federation import Federation
from twelve333.cli.demo.stage import until

pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="session")]


def traces_of(federation: Federation, member: str, span: str) -> set[str]:
    """The ids of the traces in which `member` has recorded a span whose name ends so."""
    log: Path = federation.folder / "logs" / f"{member}.log"
    spans = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith('{"name"')]
    return {each["context"]["trace_id"] for each in spans if each["name"].endswith(span)}


async def test_a_case_event_is_one_trace_from_node_over_the_broker_to_node_and_hub(federation: Federation) -> None:
    async with federation.nodes["320000"].connect() as jiangsu:
        case = await jiangsu.cases.open("320100", topic="0601", region="310000", summary="欠薪")
        await jiangsu.cases.transfer(case, "310000")

    async def arrived() -> bool:
        began = traces_of(federation, "320000", "CaseService/TransferCase")
        return bool(began & traces_of(federation, "310000", "apply") & traces_of(federation, "hub", "apply"))

    await until("one trace at 江苏, 上海 and the hub", arrived)


async def test_a_handoff_is_one_trace_from_node_to_node(federation: Federation) -> None:
    async with federation.nodes["360000"].connect() as jiangxi:
        handoff = await jiangxi.handoffs.place("360400", "350100", topic="09")
        assert handoff.handoff.unit == "350100"

    async def arrived() -> bool:
        began = traces_of(federation, "360000", "HandoffService/PlaceHandoff")
        return bool(began & traces_of(federation, "350000", "HandoffPeerService/OfferHandoff"))

    await until("one trace at 江西 and 福建", arrived)
