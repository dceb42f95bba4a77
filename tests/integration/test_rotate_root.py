"""The steps of exchanging a root at a hub: refused with the names of those left behind, allowed once nobody would be, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from national_hub import rotation
from national_hub.handlers.standing import STANDING, list_standings, take_standing
from national_hub.init import Plan, create
from national_hub.settings import HubSettings
from national_hub.store import delivery_of
from national_hub.store.audit import log
from national_hub.store.registration import save_member
from twelve333.adapters.settings import load
from twelve333.adapters.signing import rooting
from twelve333.adapters.sql.database import Database, open_database
from twelve333.adapters.sql.delivery import Inbound
from twelve333.adapters.sql.prepare import prepare
from twelve333.api.registration.v1 import registration_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.registration.model import Member

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


@pytest_asyncio.fixture
async def hub(tmp_path: Path) -> HubSettings:
    """A hub with two members that have told nothing yet."""
    await asyncio.to_thread(create, Plan(tmp_path / "hub", "127.0.0.1", 1, 2, 3, 4, "operator"), NOW)
    settings = load(HubSettings, tmp_path / "hub" / "hub.toml")
    await prepare("national_hub", settings.database_url, delivery_of("hub"), NOW)
    async with opened(settings) as database:
        for name in ("320000", "350000"):
            await database.write(partial(save_member, member=Member(name, "127.0.0.1:1", name * 10, NOW)))
    return settings


@asynccontextmanager
async def opened(settings: HubSettings) -> AsyncIterator[Database]:
    database = open_database(settings.database_url)
    try:
        yield database
    finally:
        await database.close()


async def tell(settings: HubSettings, member: str, standing: pb.MemberStanding) -> None:
    """What a member tells arrives as an event, whatever name it puts into it."""
    event = Inbound(member, 1, 1, "event", STANDING, "", standing.SerializeToString(), NOW)
    async with opened(settings) as database:
        await database.write(lambda tx: take_standing(tx, event, NOW))


async def code_of(step: object) -> tuple[str, str]:
    with pytest.raises(Refused) as refused:
        await step  # type: ignore[misc]
    return refused.value.refusal.code.name, refused.value.refusal.params.get("members", "")


async def test_each_step_waits_for_every_member_and_names_those_it_waits_for(hub: HubSettings) -> None:
    await rotation.begin(hub, None, None, NOW)
    old, new = rooting.roots_of(rotation.authority_of(hub))
    assert await code_of(rotation.switch(hub, NOW, force=False)) == ("REGISTRATION_ROOT_NOT_TRUSTED", "320000, 350000")
    await tell(hub, "320000", pb.MemberStanding(member="350000", trusted_roots=[old, new], certificate_root=old))
    assert await code_of(rotation.switch(hub, NOW, force=False)) == ("REGISTRATION_ROOT_NOT_TRUSTED", "350000")
    await tell(hub, "350000", pb.MemberStanding(trusted_roots=[old, new], certificate_root=old))
    await rotation.switch(hub, NOW, force=False)
    await tell(hub, "350000", pb.MemberStanding(trusted_roots=[old, new], certificate_root=new))
    assert await code_of(rotation.retire(hub, NOW, force=False)) == ("REGISTRATION_ROOT_IN_USE", "320000")
    assert await rotation.standing(hub) == (rooting.Stage.SWITCHED, ["320000"])
    await tell(hub, "320000", pb.MemberStanding(trusted_roots=[old, new], certificate_root=new))
    await rotation.retire(hub, NOW, force=False)
    assert await rotation.standing(hub) == (rooting.Stage.NONE, [])
    async with opened(hub) as database:
        records = await database.read(lambda tx: log.list(tx, 0, 10))
    assert [(each.entry.action, each.entry.subject) for each in records] == [
        ("registration.rotate_root", step) for step in ("begin", "switch", "retire")
    ]


async def test_alarms_that_members_tell_are_there_for_the_ministry(hub: HubSettings) -> None:
    for count in (1, 3):
        await tell(hub, "320000", pb.MemberStanding(alarms=[pb.DirectoryAlarm(code="SECURITY_DOCUMENT_FORKED", count=count)]))

    def listed(tx: Connection) -> dict[str, list[tuple[str, int]]]:
        return {each.member: [(alarm.code, alarm.count) for alarm in each.alarms] for each in list_standings(tx)}

    async with opened(hub) as database:
        assert await database.read(listed) == {"320000": [("SECURITY_DOCUMENT_FORKED", 3)], "350000": []}
