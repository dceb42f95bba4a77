"""From where somebody rings, by the number alone; the number is kept nowhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import grpc
import pytest

from twelve333.api.routing.v1 import routing_pb2
from twelve333.client.calls import Calls
from twelve333.client.errors import Target
from twelve333.client.handoffs import HandoffsClient
from twelve333.data import table
from twelve333.data.numbers import _regions, region_of_number

TOOL = Path(__file__).resolve().parents[2] / "tools" / "number_regions.py"


@pytest.mark.parametrize(
    ("number", "region"),
    [
        ("0591-87654321", "350100"),
        ("010 12345678", "110000"),
        ("+86 21 6123 4567", "310000"),
        ("0086-25-84712345", "320100"),
        ("(0792) 8123456", "360400"),
        ("13316001234", "440100"),
        ("177 1234 5678", "320400"),
        ("87654321", ""),
        ("12333", ""),
        ("+1 212 555 0100", ""),
        ("张三", ""),
        ("", ""),
    ],
)
def test_the_region_is_found_by_area_code_or_mobile_range_or_not_at_all(number: str, region: str) -> None:
    assert region_of_number(number) == region


def test_every_region_is_a_unit_of_the_country() -> None:
    units = {row["unit_code"] for row in table("units_2013")}
    found = set(_regions().values())
    assert found <= units
    assert len(found) > 330


async def test_the_number_itself_is_never_sent() -> None:
    sent = []

    class Recording(Calls):
        async def unary(self, method: Any, request: Any, *, timeout: float | None = None) -> Any:
            sent.append(request)
            return routing_pb2.Handoff(call=request.call)

    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        client = HandoffsClient(Recording(channel, Target("360000")))
        await client.place("360400", "350100", caller_number="0792-8123456")
    assert [request.call.caller_region for request in sent] == ["360400"]
    assert b"8123456" not in b"".join(request.SerializeToString() for request in sent)


def test_the_file_is_what_the_tool_makes_of_the_library() -> None:
    spec = importlib.util.spec_from_file_location("number_regions", TOOL)
    assert spec and spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.regions() == dict(_regions())
