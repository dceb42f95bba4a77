"""A machine that was copied while it worked: two nodes with one name, one database and one key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.support.copied import Copied
from twelve333.cli.demo.stage import until
from twelve333.client import Connection, ServiceError
from twelve333.core.delivery.codes import COPY_UNDECIDED, FENCED

from .crashes import JIANGSU, SHANGHAI
from .load import UNITS, WAGES, Load
from .run import Fault
from .stage import HUB, Stage

FENCED_SECONDS: Final = 60.0


@asynccontextmanager
async def cloned(stage: Stage, load: Load) -> AsyncIterator[None]:
    """The copy is started beside the node that works: it takes no new work, says why, and what the other one accepted is not touched."""
    original = stage.member(JIANGSU)
    copied = Copied(original, stage.federation.folder / "cloned", JIANGSU, original.process.env)
    try:
        await copied.process.start(copied.answers, within_seconds=FENCED_SECONDS)
        async with copied.connect() as copy:
            await until("the copy is fenced", lambda: _is_fenced(copy), FENCED_SECONDS)
        await load.accepts(6)
    finally:
        await copied.process.stop()
    async with original.connect() as works, stage.member(HUB).connect() as hub:
        assert (await works.delivery.status()).copy == "sole"
        assert FENCED.name in {alarm.code for alarm in (await hub.delivery.status()).alarms}, "the hub raised no alarm"
        await hub.delivery.clear_alarms(JIANGSU)
    yield


async def _is_fenced(copy: Connection) -> bool:
    """Try to have work accepted by it."""
    try:
        await copy.cases.open(UNITS[JIANGSU], topic=WAGES, region=UNITS[SHANGHAI], summary="副本")
    except ServiceError as error:
        assert error.code in (FENCED.name, COPY_UNDECIDED.name), error  # noqa: PT017 - it runs outside of pytest too
        return (await copy.delivery.status()).copy == "fenced"
    raise AssertionError("the copy took new work")


FAULTS: Final = (Fault("cloned.node", cloned),)
