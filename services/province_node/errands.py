"""Small things done beside a call and never waited for by it: a notice to a peer, a context to fetch. Bounded, and ended with the node."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import grpc

from twelve333.adapters.telemetry.logs import logger
from twelve333.core.decision import Refused

ERRANDS_MAX: Final = 1_000

log = logger("errands")


class Errands:
    """Runs errands; what does not fit is dropped, because each has a second way to heal (leases end, events are told again)."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, errand: Coroutine[Any, Any, object]) -> None:
        """Start an errand."""
        if len(self._tasks) >= ERRANDS_MAX:
            errand.close()
            log.warning("errand dropped", count=ERRANDS_MAX)
            return
        task = asyncio.create_task(_done(errand))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _done(errand: Coroutine[Any, Any, object]) -> None:
    try:
        await errand
    except grpc.aio.AioRpcError as error:
        log.info("errand failed", kind=error.code().name)
    except Refused as refused:
        log.info("errand refused", code=refused.refusal.code.name)
