"""A service stops gracefully, says the truth about being ready, and starts whether or not hub and broker are there."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.federation import one_federation
from twelve333.adapters.rpc.health import READY
from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.demo.stage import until

pytestmark = [one_federation, pytest.mark.timeout(120)]
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest_asyncio.fixture
async def federation(tmp_path: Path) -> AsyncIterator[Federation]:
    """Hub, broker and one node that this test may stop and break."""
    made = Federation(tmp_path, lambda *_args, **_params: None)
    try:
        await made.start_hub()
        await made.add_nodes(["350000"])
        yield made
    finally:
        await made.stop()


async def state(member: Member, service: str) -> int:
    async with grpc.aio.insecure_channel(member.health) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        return int(answer.status)


async def test_a_node_is_ready_without_hub_and_broker_and_not_ready_without_its_database(federation: Federation) -> None:
    node = federation.nodes["350000"]
    await federation.stop_hub_and_broker()
    await node.process.restart(node.ready, within_seconds=30)
    assert await state(node, "") == SERVING and await state(node, READY) == SERVING
    with closing(sqlite3.connect(node.folder / "node.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # another program keeps the node from writing

        async def not_ready() -> bool:
            return await state(node, READY) != SERVING

        await until("not ready", not_ready)
        assert await state(node, "") == SERVING, "it lives, it is only not ready"
        other.execute("ROLLBACK")
    await until("ready again", node.ready)


async def test_what_is_in_hand_is_finished_before_the_end(federation: Federation) -> None:
    node = federation.nodes["350000"]
    async with node.connect() as desk:
        assert node.process.pid is not None
        calls = [asyncio.create_task(desk.registration.node_status()) for _ in range(20)]
        await asyncio.sleep(0)  # the calls are on their way
        await calls[0]
        os.kill(node.process.pid, signal.SIGTERM)
        answers = await asyncio.gather(*calls, return_exceptions=True)
    assert await node.process.stop() == 0
    log = (federation.folder / "logs" / "350000.log").read_text(encoding="utf-8")
    assert '"draining"' in log and '"stopped"' in log and "Traceback" not in log
    assert any(not isinstance(answer, BaseException) for answer in answers)


def test_python_dash_m_is_the_same_command() -> None:
    for module in ("national_hub", "province_node"):
        done = subprocess.run(
            [sys.executable, "-m", module, "run", "--config", "none.toml"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 2 and "SETTINGS_FILE_MISSING" in done.stderr
