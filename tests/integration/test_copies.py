"""Two live copies of one node: one of them works, the other is fenced and says what to do; restarts of the one copy disturb nobody."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.copied import Copied
from tests.support.federation import one_federation
from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.unit import sample_entries
from twelve333.client import Connection, ServiceError
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import COPY_UNDECIDED, FENCED, TAKEOVER_IN_USE
from twelve333.core.delivery.status import DeliveryStatus

pytestmark = [one_federation, pytest.mark.timeout(240)]
JIANGSU, SHANGHAI = "320000", "310000"
NANJING = "320100"
SECONDS = 60.0


@pytest_asyncio.fixture
async def federation(tmp_path: Path) -> AsyncIterator[Federation]:
    """Hub, broker and two nodes, with units."""
    made = Federation(tmp_path, lambda *_args, **_params: None)
    try:
        await made.start_hub()
        await made.add_nodes([JIANGSU, SHANGHAI])
        async with made.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
        await everybody_has_directory(made, version)
        yield made
    finally:
        await made.stop()


async def status(node: Connection) -> DeliveryStatus:
    return await node.delivery.status()


async def opens(node: Connection, number: int) -> str:
    return (await node.cases.open(NANJING, topic="0601", region="310000", summary=f"工资拖欠 {number}")).case_id


async def test_of_two_copies_one_works_and_loses_nothing_and_the_other_is_fenced(federation: Federation) -> None:
    original = federation.nodes[JIANGSU]
    copied = Copied(original, federation.folder / "copy", JIANGSU)
    accepted: list[str] = []
    refused: set[str] = set()
    try:
        await copied.process.start(copied.answers, within_seconds=SECONDS)
        async with original.connect() as works, copied.connect() as copy:

            async def fenced() -> bool:
                accepted.append(await opens(works, len(accepted)))
                try:
                    await opens(copy, 0)
                except ServiceError as error:
                    refused.add(error.code)
                else:
                    raise AssertionError("the copy took new work")
                return (await status(copy)).copy == "fenced"

            await until("the copy is fenced", fenced, SECONDS)
            assert refused <= {COPY_UNDECIDED.name, FENCED.name}
            with pytest.raises(ServiceError, match="node takeover"):
                await opens(copy, 0)
            assert [alarm.code for alarm in (await status(copy)).alarms] == [FENCED.name]
            assert not await copied.member.ready()
            assert (await status(works)).copy == "sole"
        await arrived_once(federation, accepted)
        async with federation.hub.connect() as hub:
            assert [(alarm.member, alarm.code) for alarm in (await status(hub)).alarms] == [(JIANGSU, FENCED.name)]
        await an_operator_decides_that_the_copy_shall_live(federation, original, copied)
    finally:
        await copied.process.stop()


async def arrived_once(federation: Federation, accepted: list[str]) -> None:
    """Everything that the copy that works accepted is at the hub, once, and nothing else."""
    async with federation.hub.connect() as hub:

        async def all_there() -> bool:
            found = [case.case_id async for case in hub.cases.each()]
            return sorted(found) == sorted(accepted)

        await until("what was accepted is at the hub", all_there, SECONDS)


async def an_operator_decides_that_the_copy_shall_live(federation: Federation, original: Member, copied: Copied) -> None:
    config = copied.member.folder / "node.toml"
    with pytest.raises(Refused, match=TAKEOVER_IN_USE.name):
        await federation.command("node", "takeover", "--config", config)
    await copied.process.stop()
    await federation.command("node", "takeover", "--config", config)
    await copied.process.start(copied.member.ready, within_seconds=SECONDS)
    async with copied.connect() as copy, original.connect() as works:
        assert (await status(copy)).copy == "sole"

        async def gives_way() -> bool:
            return (await status(works)).copy == "fenced"

        await until("the original gives way", gives_way, SECONDS)
        with pytest.raises(ServiceError) as refused:
            await opens(works, 0)
        assert refused.value.code == FENCED.name
        lives = await opens(copy, 1)
    async with federation.hub.connect() as hub:

        async def arrived() -> bool:
            return lives in [case.case_id async for case in hub.cases.each()]

        await until("what the living copy accepts arrives", arrived, SECONDS)
        await hub.delivery.clear_alarms(JIANGSU)  # the original was refused just now, which is an alarm of its own
    await original.process.restart(lambda: answers(original), within_seconds=SECONDS)
    async with original.connect() as works:
        assert (await status(works)).copy == "fenced", "it stays so over restarts"
    async with federation.hub.connect() as hub:
        assert (await status(hub)).alarms == ()


async def answers(member: Member) -> bool:
    try:
        async with member.connect() as node:
            await node.delivery.status()
    except ServiceError:
        return False
    return True


async def test_restarts_with_and_without_the_hub_raise_no_alarm(federation: Federation) -> None:
    node = federation.nodes[JIANGSU]
    async with node.connect() as desk:
        before = await status(desk)
    assert before.copy == "sole"
    assert node.process.pid is not None
    os.kill(node.process.pid, signal.SIGKILL)
    await node.process.stop()
    await node.process.start(node.ready, within_seconds=SECONDS)
    async with node.connect() as desk:
        after = await status(desk)
        assert (after.copy, after.fence) == ("sole", before.fence + 1), "known to be the same at once"
    await federation.hub.process.stop()
    await node.process.restart(node.ready, within_seconds=SECONDS)
    async with node.connect() as desk:
        assert (await status(desk)).copy == "alone"
        case_id = await opens(desk, 1)
    await federation.hub.process.start(federation.hub.ready, within_seconds=SECONDS)
    await arrived_once(federation, [case_id])
    async with federation.hub.connect() as hub:
        assert (await status(hub)).alarms == ()
