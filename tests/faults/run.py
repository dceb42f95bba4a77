"""One fault after the other: work, break, work on, heal, work on, count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from twelve333.client import ServiceError
from twelve333.core.decision import Refused

from .ledger import Verdict, judge
from .load import Load
from .stage import PROVINCES, Stage

HEAL_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.25
SETTLE_SECONDS: Final = 180.0
EXPECTED: Final = (Refused, ServiceError, OSError, AssertionError, TimeoutError)
NOTHING: Final = Verdict(0, 0, 0)
Breaking = Callable[[Stage, Load], AbstractAsyncContextManager[None]]


class Skipped(Exception):
    """This fault cannot be made here; the text says why."""


@dataclass(frozen=True)
class Fault:
    """Something that breaks.

    Args:
        name: for the table and for ONLY=.
        breaking: breaks it and waits until enough happened while it is broken; mends it at the end.
        over_proxies: desks reach their node through a proxy.
        twice: desks ask everything twice.
        counting: outboxes and inboxes can be held against each other afterwards.
        fresh: the next fault needs a new federation, because this one is not as it was before.
        provinces: whose nodes take part.
        short: the same in less time, for `--quick`.
        deadline_s: for all of it.
    """

    name: str
    breaking: Breaking
    over_proxies: bool = False
    twice: bool = False
    counting: bool = True
    fresh: bool = False
    provinces: Sequence[str] = PROVINCES
    short: Breaking | None = None
    deadline_s: float = 300.0


@dataclass(frozen=True)
class Result:
    """What came of it; `heal_s` counts from the mending until everything is where it belongs."""

    name: str
    accepted: int = 0
    verdict: Verdict = NOTHING
    heal_s: float = 0.0
    error: str = ""
    skipped: str = ""
    refused: int = 0

    @property
    def held(self) -> bool:
        """Whether the promise was kept."""
        return not self.error and self.verdict.whole and self.heal_s <= HEAL_SECONDS


async def suffer(stage: Stage, fault: Fault, *, quick: bool = False) -> Result:
    """Let one fault happen and judge; never raises for what the fault brought about."""
    breaking = fault.short if quick and fault.short else fault.breaking
    load = Load(stage, over_proxies=fault.over_proxies, twice=fault.twice)
    try:
        async with asyncio.timeout(fault.deadline_s):
            load.start()
            await load.accepts(6)
            async with breaking(stage, load):
                pass
            return await _after(stage, fault, load)
    except Skipped as skipped:
        return Result(fault.name, skipped=str(skipped))
    except EXPECTED as error:
        return Result(fault.name, load.ledger.accepted, error=f"{type(error).__name__}: {error}")
    finally:
        await load.abandon()
        stage.heal()


async def _after(stage: Stage, fault: Fault, load: Load) -> Result:
    """Work goes on at every node without a restart; then everything arrives, and everything is counted."""
    mended = perf_counter()
    await load.accepts(4, within_seconds=HEAL_SECONDS)
    await load.stop(within_seconds=HEAL_SECONDS)
    verdict = Verdict(0, 0, load.ledger.accepted, ("no member answered",))
    while perf_counter() - mended < HEAL_SECONDS:
        try:
            verdict = await judge(stage, load.ledger, counting=fault.counting)
        except ServiceError as error:
            verdict = Verdict(0, 0, load.ledger.accepted, (str(error),))
        if verdict.whole:
            break
        await asyncio.sleep(POLL_SECONDS)  # other processes have no event to wait for
    return Result(fault.name, load.ledger.accepted, verdict, perf_counter() - mended, refused=load.ledger.refused.total())
