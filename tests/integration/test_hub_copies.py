"""Of two copies of the hub's database one works: the one that members meet, started last; an older one is fenced and says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from national_hub.context import HubContext
from national_hub.handlers.instances import InstanceHandlers
from national_hub.store import delivery_of, registration
from twelve333.adapters.copies import Copies
from twelve333.adapters.rpc import access
from twelve333.adapters.sql import Database, migrate, open_database
from twelve333.adapters.sql.delivery import Delivery
from twelve333.adapters.sql.instances import Home
from twelve333.api.delivery.v1 import instance_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.delivery.codes import FENCE_OLD, FENCED
from twelve333.core.delivery.leases import Copy
from twelve333.core.identity import node_identity
from twelve333.core.registration.model import Member

NOW = datetime(2026, 1, 5, tzinfo=UTC)
NODE = "320000"


class Hub:
    """A hub's process as far as copies go, on a database that others may have too."""

    def __init__(self, database: Database, home: Home) -> None:
        self.delivery: Delivery = delivery_of("hub")
        nothing: Any = None  # neither certificates nor documents are made here
        context = HubContext(nothing, database, self.delivery.outbox, lambda: NOW, nothing, nothing)
        self.copies = Copies(database, self.delivery, home, lambda: NOW, None)
        self.handlers = InstanceHandlers(context, self.delivery, self.copies)

    @classmethod
    async def start(cls, database: Database, home: Home | None = None) -> Hub:
        hub = cls(database, home or Home())
        await hub.copies.begin()
        await hub.handlers.load()
        return hub

    async def meets(self, **seen: int) -> pb.ClaimInstanceResponse:
        access._caller.set(node_identity(NODE).caller)
        context: Any = None
        return await self.handlers.ClaimInstance(pb.ClaimInstanceRequest(instance="node", fence=5, beat="b", before="b", **seen), context)

    @property
    def copy(self) -> Copy:
        return self.delivery.standing.copy


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    migrate.upgrade("national_hub", url)
    opened = open_database(url)
    await opened.write(lambda tx: delivery_of("hub").outbox.begin_epoch(tx, NOW))
    await opened.write(lambda tx: registration.save_member(tx, Member(NODE, "127.0.0.1:1", "f" * 64, NOW)))
    yield opened
    await opened.close()


async def test_a_hub_tells_nothing_before_a_member_has_met_it_unless_it_is_known_to_be_the_same(database: Database) -> None:
    home = Home("this machine", free=True)
    first = await Hub.start(database, home)
    assert (first.copy, first.copy.works, first.copy.tells) == (Copy.UNPROVED, True, False)
    answer = await first.meets()
    assert first.copy is Copy.SOLE
    again = await Hub.start(database, home)
    assert again.copy is Copy.SOLE, "a restart on the same machine"
    assert again.delivery.standing.fence == answer.hub_fence + 1


async def test_a_hub_of_which_a_member_has_seen_a_newer_copy_is_fenced(database: Database) -> None:
    hub = await Hub.start(database)
    fence = (await hub.meets()).hub_fence
    assert (await hub.meets(hub_fence=fence)).hub_fence == fence
    with pytest.raises(Refused) as refused:
        await hub.meets(hub_fence=fence + 1)
    assert refused.value.refusal.code == FENCE_OLD
    assert hub.copy is Copy.FENCED
    assert [(alarm.member, alarm.code) for alarm in (await database.read(hub.delivery.status)).alarms] == [("hub", FENCED.name)]
    with pytest.raises(Refused, match=FENCED.name):
        hub.delivery.standing.check_work()


async def test_a_hub_on_an_older_copy_of_its_database_is_fenced_before_it_has_said_a_word(database: Database) -> None:
    hub = await Hub.start(database)
    with pytest.raises(Refused):
        await hub.meets(directory_version=7)
    assert hub.copy is Copy.FENCED
