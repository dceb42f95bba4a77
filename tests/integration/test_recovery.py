"""A hub and a node that lost everything since their backup, as real processes: it comes back from the others, nobody enters it again."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.demo.stage import everybody_has_directory, until
from twelve333.cli.library_files import sample_entries as library_entries
from twelve333.cli.unit import sample_entries
from twelve333.client import Connection, ServiceError
from twelve333.core.cases.model import Case
from twelve333.core.registration.life import Stage

NANJING, SHANGHAI, LATER = "320100", "310000", "654200"
SECONDS = 30.0

pytestmark = pytest.mark.timeout(300)


async def test_what_was_entered_since_the_backups_of_hub_and_node_comes_back(tmp_path: Path) -> None:
    federation = Federation(tmp_path, lambda *_words, **_params: None, {"TWELVE333_HUB__SYNC_SECONDS": "1"})
    try:
        await federation.start_hub()
        await federation.add_nodes(["320000", "310000", "230000"])
        async with federation.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries()[:300])
            await hub.library.publish(library_entries()[:5], strict=True)
        await everybody_has_directory(federation, version)
        for member in (federation.hub, federation.nodes["320000"]):
            await _back_up(federation, member)
        case = await _live_on(federation)
        calls = await _hand_over(federation)
        await until("what the node told", lambda: _node_told(federation), SECONDS)
        before, heard = await _held(federation), await _heard(federation)
        await _lose_and_restore(federation, federation.hub)
        # What the node tells again must be there before the node is lost too: what two lose at once nobody has.
        await until("what the node tells again", lambda: _has_heard(federation, heard), SECONDS)
        await _lose_and_restore(federation, federation.nodes["320000"])
        await until("what was lost at the hub", _is(lambda: _held(federation), before), SECONDS)
        await until("the case at its node", lambda: _version_is(_desk(federation, "320000"), case), SECONDS)
        for name, steps in calls.items():
            await until("a call at its node", lambda name=name, steps=steps: _stands(federation, name, steps), SECONDS)  # type: ignore[misc]
        await _nothing_went_back(federation)
    finally:
        await federation.stop()


async def _live_on(federation: Federation) -> Case:
    """What happens after the backups: a province joins, one is revoked, units and a release are entered, a case moves."""
    await federation.add_nodes(["350000"])
    async with federation.hub.connect() as hub:
        await hub.registration.revoke("230000", "its machine was stolen")
        _, version = await hub.registration.register_units(sample_entries())
        await hub.lives.set_policy(replace(await hub.lives.policy(), silent_days=6))
        version = (await hub.lives.ask(LATER, Stage.SUSPENDED)).directory_version
        published = await hub.library.publish(library_entries(), strict=True)
    assert published.release is not None
    await federation.nodes.pop("230000").process.stop()
    await everybody_has_directory(federation, version)
    for node in federation.nodes.values():
        await until("release", lambda node=node: _has_release(node, published.release.number), SECONDS)  # type: ignore[misc,union-attr]
    async with _desk(federation, "320000") as desk:
        opened = await desk.cases.open(NANJING, topic="0301", region=SHANGHAI, summary="three months of wages unpaid")
        offered = await desk.cases.transfer(opened, SHANGHAI)
    await until("the case in Shanghai", lambda: _version_is(_desk(federation, "310000"), offered), SECONDS)
    await until("what others keep for the hub", lambda: _all_told(federation), SECONDS)
    await until("the case at the hub", lambda: _version_is(federation.hub.connect(), offered), SECONDS)
    return offered


async def _hand_over(federation: Federation) -> dict[str, list[str]]:
    """Calls that the node which loses everything handed on, and one that it accepted and is speaking on: how each stands there."""
    async with _desk(federation, "320000") as here, _desk(federation, "310000") as there:
        over, given_back = [(await here.handoffs.place(NANJING, SHANGHAI)).handoff.call.id for _ in range(2)]
        accepted = (await there.handoffs.place(SHANGHAI, NANJING)).handoff.call.id
        for name, origin in ((over, here), (accepted, there)):
            await origin.handoffs.connected(name)
        await here.handoffs.completed(over)
        await there.handoffs.returned(given_back, "WRONG_TOPIC")  # said by the unit that accepted
        calls = {name: (await here.handoffs.get(name)).handoff for name in (over, given_back, accepted)}
    return {name: [step.state.value for step in call.steps] or [call.state.value] for name, call in calls.items()}


async def _stands(federation: Federation, name: str, steps: list[str]) -> bool:
    async with _desk(federation, "320000") as desk:
        try:
            call = (await desk.handoffs.get(name)).handoff
        except ServiceError as error:
            if error.code != "ROUTING_HANDOFF_UNKNOWN":
                raise
            return False
    return ([step.state.value for step in call.steps] or [call.state.value]) == steps


async def _node_told(federation: Federation) -> bool:
    """Whether the hub has all that the node told it."""
    async with federation.nodes["320000"].connect() as node:
        return all(line.queued == 0 for line in (await node.delivery.status()).outbox if line.destination == "hub")


async def _heard(federation: Federation) -> int:
    """How many events of the node the hub has."""
    async with federation.hub.connect() as hub:
        return sum(line.applied for line in (await hub.delivery.status()).inbox if line.origin == "320000")


async def _has_heard(federation: Federation, events: int) -> bool:
    return await _heard(federation) >= events


async def _held(federation: Federation) -> tuple[object, ...]:
    """What the hub knows."""
    async with federation.hub.connect() as hub:
        release = (await hub.library.release()).release
        entered_later = await hub.lives.get(LATER)  # of a province without a node
        steps, policy = [replace(step, number=0) for step in entered_later.steps], await hub.lives.policy()
        members = [listed.member for listed in await hub.registration.list_members()]
        return members, await hub.registration.list_units(), steps, policy, (release.number, release.root)


async def _nothing_went_back(federation: Federation) -> None:
    """The revoked stay revoked, nodes take what the hub signs now, the new member may call, and what came back is recorded."""
    async with federation.hub.connect() as hub:
        version, keys = await hub.registration.revoke("230000", "once more")
        recorded = [record async for record in hub.audit.records()]
    assert keys == 0, "it is revoked already"
    await everybody_has_directory(federation, version)
    assert {record.entry.actor for record in recorded if record.entry.action == "registration.recover"} >= {"350000/"}
    async with federation.nodes["350000"].connect() as newest:
        assert (await newest.registration.node_status()).directory_version == version


async def _all_told(federation: Federation) -> bool:
    """Whether those who will not be restored have all that the hub told them."""
    async with federation.hub.connect() as hub:
        return all(line.queued == 0 for line in (await hub.delivery.status()).outbox if line.destination in ("310000", "350000"))


async def _back_up(federation: Federation, member: Member) -> None:
    kind = "hub" if member is federation.hub else "node"
    await federation.command(kind, "backup", member.folder / "first.backup", "--config", member.folder / f"{kind}.toml", member=member.name)


async def _lose_and_restore(federation: Federation, member: Member) -> None:
    kind = "hub" if member is federation.hub else "node"
    assert member.process.pid is not None
    os.kill(member.process.pid, signal.SIGKILL)
    await member.process.stop()
    where = [member.folder / "first.backup", "--config", member.folder / f"{kind}.toml", "--replace"]
    await federation.command(kind, "restore", *where, member=member.name)
    await member.process.start(member.ready, within_seconds=SECONDS)


def _desk(federation: Federation, province: str) -> Connection:
    node = federation.nodes[province]
    return node.connect(node.folder / "profiles" / "desk-1")


async def _version_is(connection: Connection, case: Case) -> bool:
    async with connection as member:
        try:
            return (await member.cases.get(case.case_id)).history == case.history
        except ServiceError as error:
            if error.code != "CASES_NOT_FOUND":
                raise
            return False


async def _has_release(node: Member, number: int) -> bool:
    async with node.connect() as connection:
        return (await connection.registration.node_status()).library_release == number


def _is(ask: Callable[[], Awaitable[object]], wanted: object) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await ask() == wanted

    return holds
