"""Changes dated ahead in the register: proved for both times, in force on their day at hub and nodes, taken back without a trace."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from national_hub.dated import DatedChanges
from national_hub.handlers.coverage import DirectorySnapshot
from national_hub.store import coverage, registration
from tests.support.registers import MINISTRY, Register, a_register, node
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import life_pb2, registration_pb2, service_pb2
from twelve333.core.coverage.model import Consent, Declaration
from twelve333.core.decision import Refused
from twelve333.testing.directory import a_declaration, a_unit

FUZHOU, XIAMEN, FUJIAN = (a_unit(code) for code in ("350100", "350200", "350000"))
NEW_YEAR, MIDNIGHT = date(2027, 1, 1), datetime(2026, 12, 31, 16, tzinfo=UTC)
NODE = node("350000")
_CONTEXT: Any = None


def declares(code: str, **changes: Any) -> Declaration:
    return a_declaration(code, voicemail=True, **changes)


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path, datetime(2026, 12, 1, tzinfo=UTC)) as made:
        await made.add_member("350000")
        await made.enter(MINISTRY, [(unit, declares(unit.code)) for unit in (FUJIAN, FUZHOU, XIAMEN)], states=True)
        yield made


async def held(register: Register) -> registration_pb2.Directory:
    row = await register.hub.database.read(registration.load_directory)
    assert row is not None
    return registration_pb2.Directory.FromString(common_pb2.SignedDocument.FromString(row.document).payload)


async def seats(register: Register, at: datetime) -> int:
    return (await DirectorySnapshot(register.hub)(at)).declarations["350100"].seats


async def test_the_old_declaration_holds_until_the_day_and_the_new_one_from_then_on(register: Register) -> None:
    dated = declares("350100", seats=3, in_force_from=NEW_YEAR)
    assert (await register.enter(NODE, [(FUZHOU, dated)])).changed == 1
    assert (await register.enter(NODE, [(FUZHOU, dated)])).changed == 0, "the same again"
    assert [(it.unit, it.seats) for it in (await held(register)).upcoming] == [("350100", 3)]
    before, after = MIDNIGHT - timedelta(seconds=1), MIDNIGHT
    assert (await seats(register, before), await seats(register, after)) == (10, 3), "also before the hub signs anew"
    asked = await register.asked(NODE, register.units.GetUnit(service_pb2.GetUnitRequest(code="350100"), _CONTEXT))
    assert (asked.declaration.seats, [it.seats for it in asked.upcoming]) == (10, [3])
    changes, version = DatedChanges(register.hub), (await held(register)).version
    register.now = before
    await changes.step()
    assert (await held(register)).version == version
    register.now = after
    await changes.step()
    await changes.step()
    now = await held(register)
    assert (now.version, list(now.upcoming), [it.seats for it in now.declarations if it.unit == "350100"]) == (version + 1, [], [3])


async def test_a_change_that_would_break_the_partition_on_its_day_is_refused_with_the_day_and_nothing_is_kept(register: Register) -> None:
    greedy = declares("350100", areas=("350100", "350200"), in_force_from=NEW_YEAR)
    with pytest.raises(Refused) as refused:
        await register.enter(NODE, [(FUZHOU, greedy)])
    told = refused.value.refusal
    assert told.code.name == "COVERAGE_OUTSIDE" and told.violations[0].params == {"day": "2027-01-01"}
    assert list((await held(register)).upcoming) == []


async def test_what_is_sound_today_is_refused_if_something_dated_makes_it_wrong_later(register: Register) -> None:
    consenting = declares("350200", areas=("350200",), consents=(), in_force_from=NEW_YEAR)
    with_consent = declares("350200", consents=(Consent("350100", ("350200",), ("03",)),))
    await register.enter(NODE, [(XIAMEN, with_consent), (XIAMEN, consenting)])
    with pytest.raises(Refused) as refused:
        await register.enter(NODE, [(FUZHOU, declares("350100", areas=("350100", "350200"), topics=("03",)))])
    assert refused.value.refusal.code.name.startswith("COVERAGE_")


async def test_a_change_is_taken_back_by_its_owner_before_its_day_and_replaced_by_another_for_the_same_day(register: Register) -> None:
    for number in (3, 4):
        await register.enter(NODE, [(FUZHOU, declares("350100", seats=number, in_force_from=NEW_YEAR))])
    assert [it.seats for it in (await held(register)).upcoming] == [4]
    await register.enter(NODE, [(FUZHOU, declares("350100", seats=9, in_force_from=NEW_YEAR + timedelta(days=1)))])

    async def cancel(day: str, member: str = "350000") -> int:
        request = life_pb2.CancelUpcomingRequest(code="350100", day=day)
        return (await register.asked(node(member), register.records.CancelUpcoming(request, _CONTEXT))).cancelled

    with pytest.raises(Refused, match="REGISTRATION_UNIT_NOT_YOURS"):
        await cancel("", "320000")
    assert await cancel("2027-01-01") == 1
    assert [it.seats for it in (await held(register)).upcoming] == [9]
    with pytest.raises(Refused, match="REGISTRATION_NOTHING_UPCOMING"):
        await cancel("2027-01-01")
    assert await cancel("") == 1 and await seats(register, MIDNIGHT + timedelta(days=9)) == 10
    history = await register.hub.database.read(lambda tx: coverage.load_history(tx, "350100"))
    assert [it.seats for _, it in history] == [10], "what never held is no history"


async def test_a_change_at_once_leaves_one_that_is_dated_ahead_as_it_is(register: Register) -> None:
    await register.enter(NODE, [(FUZHOU, declares("350100", seats=3, in_force_from=NEW_YEAR))])
    await register.enter(NODE, [(replace(FUZHOU), declares("350100", seats=5))])
    assert (await seats(register, register.now), await seats(register, MIDNIGHT)) == (5, 3)
