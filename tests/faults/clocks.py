"""Clocks that are wrong, jump and go backwards, and three days in a minute: each service runs by the clock that `program.py` gives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

from .crashes import BROKER, JIANGSU, SHANGHAI
from .load import Load
from .program import CLOCK
from .run import Breaking, Fault
from .stage import HUB, Stage

MINUTES: Final = timedelta(minutes=5)
STEP: Final = timedelta(hours=6)
DAYS_3: Final = timedelta(hours=72)


class Clocks:
    """The clocks of some members, each a file.

    Args:
        stage: whose members.
        names: which of them; each is started anew, once, to run by its own clock.
    """

    def __init__(self, stage: Stage, names: Sequence[str]) -> None:
        self._stage, self._names = stage, names
        self._folder = stage.federation.folder / "clocks"

    async def begin(self) -> None:
        """All clocks are right, and everybody runs by them."""
        self._folder.mkdir(exist_ok=True)
        self.set(timedelta())
        for name in self._names:
            self._stage.disguise(name, **{CLOCK: str(self._file(name))})
        await self._stage.restart(*self._names)

    async def end(self) -> None:
        """Everybody runs by the machine's clock again."""
        for name in self._names:
            self._stage.disguise(name)
        await self._stage.restart(*self._names)

    def set(self, off: timedelta, *names: str) -> None:
        """Set the clocks of these members (of all if none is named), at once and while they work."""
        for name in names or self._names:
            new = self._file(name).with_suffix(".new")
            new.write_text(str(off.total_seconds()))
            new.replace(self._file(name))

    def _file(self, name: str) -> Path:
        return self._folder / name


def jumping(name: str, *minutes: float) -> Breaking:
    """One clock jumps forwards, backwards, and is right at the end; work and calls between members go on all the time."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        clocks = Clocks(stage, [name])
        await clocks.begin()
        for off in minutes:
            clocks.set(timedelta(minutes=off))
            await load.accepts(6)
            await load.hands_over(1)
        clocks.set(timedelta())
        await load.accepts(4)
        await clocks.end()
        yield

    return breaking


@asynccontextmanager
async def partitioned_for_72_hours(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Three days without each other, by everybody's clock, with work on both sides; the broker forgets after one, as it is told to."""
    names = (HUB, *stage.provinces)
    clocks = Clocks(stage, names)
    await clocks.begin()
    for proxy in stage.around(JIANGSU):
        proxy.cut()
    passed = timedelta()
    while passed < DAYS_3:
        passed += STEP
        clocks.set(passed)
        await load.accepts(2)
        if passed % timedelta(days=1) == timedelta():
            await stage.kill(BROKER)
            stage.wipe_broker()
            await stage.start(BROKER)
    stage.heal()
    yield


FAULTS: Final = (
    Fault("clock.node_5min_ahead_then_behind", jumping(JIANGSU, 5, -5)),
    Fault("clock.node_5min_behind_then_ahead", jumping(SHANGHAI, -5, 5)),
    Fault("clock.hub_5min_ahead_then_behind", jumping(HUB, 5, -5)),
    Fault("clock.partition_72h", partitioned_for_72_hours, fresh=True),
)
