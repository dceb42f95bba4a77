"""The register over days of virtual time: units that fall silent leave count and routes, with an alarm, and come back when heard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from sqlalchemy import Connection

from national_hub.store import registration, unit_history
from tests.support.registers import MINISTRY, Register, a_register, node
from twelve333.adapters.sql.delivery import Inbound
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import events_pb2, registration_pb2
from twelve333.core.coverage.history import as_of
from twelve333.core.coverage.report import report
from twelve333.testing.directory import a_declaration, a_unit
from twelve333.wire.times import to_timestamp

CITIES = ("350100", "350200")
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path) as made:
        await made.add_member("350000")
        await made.enter(MINISTRY, [(a_unit(code), a_declaration(code, voicemail=True)) for code in CITIES], states=True)
        yield made


async def pass_days(register: Register, days: float) -> None:
    for _ in range(int(days * 24)):
        register.now += timedelta(hours=1)
        await register.silence.step()


async def seen(register: Register, member: str, code: str, at: datetime) -> None:
    message: Any = events_pb2.UnitsSeen(units=[events_pb2.UnitSeen(code=code, at=to_timestamp(at), kind="queue")])
    event = Inbound(member, 1, 1, "id", message.DESCRIPTOR.full_name, "", message.SerializeToString(), at)
    await register.hub.database.write(lambda tx: register.silence.take_seen(tx, event, register.now))


async def published(register: Register) -> dict[str, bool]:
    """Which units nodes take for silent."""
    row = await register.hub.database.read(registration.load_directory)
    assert row is not None
    directory = registration_pb2.Directory.FromString(common_pb2.SignedDocument.FromString(row.document).payload)
    return {unit.code: unit.HasField("silent_since") for unit in directory.units}


async def test_a_unit_silent_for_seven_days_leaves_count_and_routes_with_an_alarm_and_comes_back_when_heard(register: Register) -> None:
    began = register.now
    await pass_days(register, 6)
    await seen(register, "350000", "350200", register.now)
    await seen(register, "320000", "350100", register.now)  # not its unit
    await pass_days(register, 1.5)
    assert await published(register) == {"350100": True, "350200": False}
    alarms = (await register.hub.database.read(register.delivery.status)).alarms
    assert [(alarm.member, alarm.code, alarm.detail) for alarm in alarms] == [("350000", "REGISTRATION_UNIT_SILENT", "350100")]
    await seen(register, "350000", "350100", register.now)
    await register.silence.step()
    assert await published(register) == {"350100": False, "350200": False}

    def stood(tx: Connection, day: datetime) -> int:
        return report(as_of(registration.load_units(tx), unit_history.load_standings(tx), day, register.now).units).total.open

    for days, counted in ((6, 2), (7.2, 1), (8, 2)):
        assert await register.hub.database.read(lambda tx, day=began + days * DAY: stood(tx, day)) == counted, "history tells it too"


async def test_declaring_the_same_again_is_a_sign_and_changes_nothing_else(register: Register) -> None:
    for _ in range(3):
        await pass_days(register, 5)
        answer = await register.enter(node("350000"), [(replace(a_unit(code)), a_declaration(code, voicemail=True)) for code in CITIES])
        assert answer.changed == 0
    assert await published(register) == dict.fromkeys(CITIES, False)
