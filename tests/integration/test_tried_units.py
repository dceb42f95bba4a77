"""Units that are only tried: refused for what they would be refused for when they are entered, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from tests.support.registers import MINISTRY, Register, a_register, node
from twelve333.core.coverage.model import Declaration
from twelve333.core.decision import Refused
from twelve333.core.registration.model import Unit
from twelve333.testing.directory import a_declaration, a_unit

FUJIAN, FUZHOU, XIAMEN = (a_unit(code) for code in ("350000", "350100", "350200"))
NODE = node("350000")


@pytest_asyncio.fixture
async def register(tmp_path: Path) -> AsyncIterator[Register]:
    async with a_register(tmp_path) as made:
        await made.add_member("350000")
        declared = [(unit, a_declaration(unit.code, voicemail=True)) for unit in (FUJIAN, FUZHOU, XIAMEN)]
        await made.enter(MINISTRY, declared, states=True)
        yield made


async def everything(register: Register) -> dict[str, list[object]]:
    """Every row of the hub's database."""

    def load(tx: Connection) -> dict[str, list[object]]:
        names = tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        return {name: [tuple(row) for row in tx.execute(text(f'SELECT * FROM "{name}"'))] for name in names}

    return await register.hub.database.read(load)


WRONG: list[tuple[str, Unit, Declaration]] = [
    ("COVERAGE_OUTSIDE", FUZHOU, a_declaration("350100", areas=("350100", "350200"), voicemail=True)),
    ("COVERAGE_DECLARATION_INVALID", FUZHOU, a_declaration("350100", fallbacks=("999900",), voicemail=True)),
    ("COVERAGE_CYCLE", FUZHOU, a_declaration("350100", fallbacks=("350200",), voicemail=True)),
    ("REGISTRATION_UNIT_NOT_YOURS", a_unit("360400"), a_declaration("360400")),
]


@pytest.mark.parametrize(("code", "unit", "declared"), WRONG, ids=[code for code, _, _ in WRONG])
async def test_what_is_tried_is_refused_for_the_same_reason_as_when_it_is_entered(
    register: Register, code: str, unit: Unit, declared: Declaration
) -> None:
    await register.enter(NODE, [(XIAMEN, a_declaration("350200", fallbacks=("350100",), voicemail=True))])
    told = []
    for asked in (register.try_out, register.enter):
        with pytest.raises(Refused) as refused:
            await asked(NODE, [(unit, declared)])
        told.append(refused.value.refusal)
    assert told[0] == told[1] and told[0].code.name == code


async def test_what_is_only_tried_leaves_nothing_behind(register: Register) -> None:
    before = await everything(register)
    changed = [(FUZHOU, a_declaration("350100", seats=3, voicemail=True)), (XIAMEN, a_declaration("350200", voicemail=True))]
    assert (await register.try_out(NODE, changed)).changed == 1
    assert await everything(register) == before and len(before) > 20
    assert (await register.enter(NODE, changed)).changed == 1
