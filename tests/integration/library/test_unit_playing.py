"""What a unit's telephone system plays is proved by its own reports, on both databases; one system proves nothing of another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.integration.library.stage import CALL, Stage, open_stage
from tests.support.postgres import Cluster

from national_hub.evidence import own_evidence
from national_hub.library_services import keep_told_playing, keep_told_unit_playing
from national_hub.store import library as hub_store
from national_hub.store import registration
from province_node.store import library as node_store
from twelve333.adapters.library_playing import LibraryPlaying, Told
from twelve333.adapters.sql import library as replica
from twelve333.api.library.v1 import blobs_pb2 as pb
from twelve333.core.decision import Refused
from twelve333.core.library.model import Attachment, Change, Entry, EntryKind
from twelve333.core.library.pieces import PLAYING_NOT_SERVED
from twelve333.core.registration.life import Evidence, Proof
from twelve333.core.registration.model import UnitStatus
from twelve333.testing.directory import a_unit
from twelve333.wire.library import content_of
from twelve333.wire.times import to_timestamp

PROVINCE, FUZHOU, XIAMEN, WUXI = "350000", "350100", "350200", "320200"
SOUND, OTHER = sha256(b"published").digest(), sha256(b"something else").digest()
FILE = Attachment("welcome.wav", "audio/x-wav", 9, SOUND, (SOUND,))
PROMPT = Entry("welcome", EntryKind.PROMPT, "欢迎词", "您好，这里是12333。", ("99",), attachments=(FILE,))


@dataclass
class House:
    """A hub that knows three units, and the node that serves two of them."""

    stage: Stage
    node: LibraryPlaying
    told: list[Told]

    async def report(self, digest: bytes, unit: str = "") -> bool:
        """A telephone system says what it plays; the hub hears it."""
        request = pb.ReportPlayingRequest(entry_id=PROMPT.id, digest=digest, unit=unit)
        right = (await self.node.ReportPlaying(request, CALL)).as_published
        for event in self.told:
            await self.hears(event)
        self.told.clear()
        return right

    async def hears(self, event: Told, origin: str = PROVINCE) -> None:
        """The hub applies what a member told."""
        inbound = cast("Any", SimpleNamespace(message=event.SerializeToString(), origin=origin))
        apply = keep_told_unit_playing if isinstance(event, pb.UnitPromptPlaying) else keep_told_playing
        await self.stage.hub.database.write(lambda tx: apply(tx, inbound, self.stage.clock.now))

    async def serves(self, member: str, *codes: str, status: UnitStatus = UnitStatus.OPEN) -> None:
        """From now on a member serves these units."""
        units = [replace(a_unit(code), member=member, status=status) for code in codes]
        await self.stage.hub.database.write(lambda tx: registration.save_units(tx, units))

    async def proof(self, code: str) -> Evidence:
        """What the hub finds of a unit's prompts."""
        now, database = self.stage.clock.now, self.stage.hub.database
        unit = await database.read(lambda tx: registration.load_unit(tx, code))
        assert unit
        found = await database.read(lambda tx: own_evidence(tx, unit, now))
        return next(it for it in found if it.proof is Proof.PROMPTS)

    async def listed(self) -> list[tuple[str, str, bool]]:
        """What the hub lists: member, unit, whether it is the right sound."""
        hub = LibraryPlaying(self.stage.hub.database, hub_store.tables, hub_store.playing, self.stage.clock, registration.serving)
        found = (await hub.ListPlaying(pb.ListPlayingRequest(), CALL)).playing
        return [(one.member, one.unit, one.as_published) for one in found]


def playing(at: datetime, unit: str = FUZHOU, digest: bytes = SOUND) -> pb.UnitPromptPlaying:
    """What a node tells of a unit."""
    return pb.UnitPromptPlaying(unit=unit, entry_id=PROMPT.id, digest=digest, reported_at=to_timestamp(at))


async def settled(stage: Stage) -> House:
    """Both hold the prompt, and know who serves whom."""
    told, served = list[Told](), {FUZHOU: PROVINCE, XIAMEN: PROVINCE, WUXI: "320000"}
    parts = (stage.node.database, node_store.tables, node_store.playing, stage.clock, lambda tx: served, PROVINCE)
    house = House(stage, LibraryPlaying(*parts, lambda tx, event, now: told.append(event)), told)
    changes = [Change(PROMPT.id, 1, 1, content_of(PROMPT))]
    await stage.hub.database.write(lambda tx: replica.apply(tx, hub_store.tables, changes))
    await stage.node.database.write(lambda tx: replica.apply(tx, node_store.tables, changes))
    await house.serves(PROVINCE, FUZHOU, XIAMEN)
    await house.serves("320000", WUXI)
    return house


@pytest.fixture(params=["sqlite", "postgresql"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    cluster: Cluster | None = request.getfixturevalue("postgres_cluster") if request.param == "postgresql" else None
    urls = [cluster.create_database() if cluster else f"sqlite:///{tmp_path / name}.db" for name in ("hub", "node")]
    async for stage in open_stage(urls):
        yield await settled(stage)
    for url in urls if cluster else ():
        cluster.drop_database(url)


async def test_what_one_unit_plays_proves_nothing_of_another_of_the_same_node(house: House) -> None:
    assert await house.report(SOUND, FUZHOU)
    assert not await house.report(OTHER, XIAMEN)
    assert (await house.proof(FUZHOU)).passed
    assert (await house.proof(XIAMEN)).code == "REGISTRATION_PROMPTS_OTHER"
    assert await house.report(SOUND, XIAMEN)
    house.stage.clock.later(days=3)
    found = await house.proof(XIAMEN)
    assert (found.passed, house.stage.clock.now - found.at) == (True, timedelta(days=3)), "as old as its own report"
    assert await house.listed() == [(PROVINCE, FUZHOU, True), (PROVINCE, XIAMEN, True)]


async def test_a_report_for_no_unit_counts_only_where_a_node_serves_one(house: House) -> None:
    await house.report(SOUND)
    assert (await house.proof(FUZHOU)).code == (await house.proof(XIAMEN)).code == "REGISTRATION_PROMPTS_UNREPORTED"
    await house.serves(PROVINCE, XIAMEN, status=UnitStatus.PLANNED)
    assert not (await house.proof(FUZHOU)).passed, "a planned unit's system may be the one that is tried out"
    await house.serves(PROVINCE, XIAMEN, status=UnitStatus.CLOSED)
    assert (await house.proof(FUZHOU)).passed
    await house.report(OTHER, FUZHOU)
    assert (await house.proof(FUZHOU)).code == "REGISTRATION_PROMPTS_OTHER", "its own report goes before"


async def test_nobody_reports_for_a_unit_that_another_serves(house: House) -> None:
    for unit in (WUXI, "999999"):
        with pytest.raises(Refused) as refused:
            await house.report(SOUND, unit)
        assert (refused.value.refusal.code, refused.value.refusal.params) == (PLAYING_NOT_SERVED, {"unit": unit})
        await house.hears(
            pb.UnitPromptPlaying(unit=unit, entry_id=PROMPT.id, digest=SOUND, reported_at=to_timestamp(house.stage.clock.now))
        )
    assert (house.told, await house.listed()) == ([], []), "nothing half done, and the hub believes nobody that it serves them"


async def test_what_was_reported_where_a_unit_has_left_counts_no_more(house: House) -> None:
    await house.report(SOUND, FUZHOU)
    await house.serves(FUZHOU, FUZHOU)
    assert (await house.proof(FUZHOU)).code == "REGISTRATION_PROMPTS_UNREPORTED"
    assert await house.listed() == []
    await house.hears(playing(house.stage.clock.now, digest=OTHER))
    await house.hears(playing(house.stage.clock.now), origin=FUZHOU)
    assert (await house.proof(FUZHOU)).passed
    assert await house.listed() == [(FUZHOU, FUZHOU, True)]


async def test_a_unit_s_report_is_told_when_it_changes_and_once_a_day(house: House) -> None:
    counted = []
    for digest, later in ((SOUND, 0), (SOUND, 1), (OTHER, 1), (OTHER, 24)):
        house.stage.clock.later(hours=later)
        await house.node.ReportPlaying(pb.ReportPlayingRequest(entry_id=PROMPT.id, digest=digest, unit=FUZHOU), CALL)
        counted.append(len(house.told))
    assert counted == [1, 1, 2, 3]
    await house.hears(playing(house.stage.clock.now + timedelta(days=300)))
    assert (await house.proof(FUZHOU)).at == house.stage.clock.now, "no report is younger than the moment the hub hears it"
