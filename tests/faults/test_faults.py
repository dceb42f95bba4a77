"""The quick faults, at each `make test`: what is accepted takes effect once, whatever breaks; `make faults` has them all."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing, suppress

import pytest
import pytest_asyncio

from tests.support.federation import one_federation

from .__main__ import FAULTS
from .ledger import Verdict, judge
from .load import Load
from .run import POLL_SECONDS, Fault, suffer
from .stage import HUB, Stage, staged

QUICK = ("kill.node", "kill.hub", "kill.broker", "wiped.broker_store", "half_open.broker_link", "messages.three_times", "bit.audit_log")
SAYS_SECONDS = 30.0
pytestmark = [one_federation, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """A federation of this module's own: its members are killed."""
    async with staged(tmp_path_factory.mktemp("faults")) as made:
        yield made


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.name in QUICK], ids=lambda fault: fault.name)
async def test_what_was_accepted_takes_effect_once_although(stage: Stage, fault: Fault) -> None:
    result = await suffer(stage, fault, quick=True)
    assert result.held, result
    assert result.accepted > 12
    assert result.verdict.delivered == result.accepted


async def test_the_oracle_sees_a_planted_loss_a_planted_double_and_a_changed_audit_log(stage: Stage) -> None:
    """Last, for it leaves what it plants."""
    load = Load(stage)
    load.start()
    await load.accepts(8)
    await load.stop()
    handoff_id = next(iter(load.ledger.handoffs))
    await _judged(stage, load, lambda verdict: verdict.whole)
    with closing(sqlite3.connect(stage.member(HUB).folder / "hub.db", timeout=10)) as database:
        with database:
            database.execute("UPDATE audit SET subject = 'x' WHERE sequence = 2")
        await _judged(stage, load, lambda verdict: any("audit log of hub: AUDIT_RECORD_CHANGED" in note for note in verdict.notes))
        names = [row[1] for row in database.execute("PRAGMA table_info(handoff_steps)")]
        values = ", ".join("number + 100" if name == "number" else name for name in names)
        copy = f"INSERT INTO handoff_steps ({', '.join(names)}) SELECT {values} FROM handoff_steps WHERE handoff_id = ? AND number = 1"
        with database:
            database.execute(copy, (handoff_id,))
        await _judged(stage, load, lambda verdict: verdict.duplicated == 1)
        with database:
            database.execute("DELETE FROM handoff_steps WHERE handoff_id = ? AND number = 101", (handoff_id,))
    with closing(sqlite3.connect(stage.member(HUB).folder / "hub.db", timeout=10)) as database, database:
        database.execute("DELETE FROM handoff_steps WHERE handoff_id = ? AND number = 1", (handoff_id,))
    await _judged(stage, load, lambda verdict: verdict.lost == 1 and not verdict.whole)
    load.ledger.steps.append((load.ledger.steps[0][0], "a step that nobody took"))
    await _judged(stage, load, lambda verdict: verdict.lost == 2)


async def _judged(stage: Stage, load: Load, expected: Callable[[Verdict], bool]) -> None:
    """Look until the oracle says so: while a head of an audit log is on its way, every few seconds, it looks no further than the queues."""
    verdict = await judge(stage, load.ledger)
    with suppress(TimeoutError):
        async with asyncio.timeout(SAYS_SECONDS):
            while not expected(verdict):
                await asyncio.sleep(POLL_SECONDS)  # other processes have no event to wait for
                verdict = await judge(stage, load.ledger)
    assert expected(verdict), verdict
