"""Runs a service from start to a graceful end: signals stop it, what was started is ended in the opposite order.

Work that goes on in the background is repeated for ever: a failure is logged, waited out with a growing, capped and jittered pause,
and tried again, so that no outage, however long, ever needs a restart.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Final

import grpc

from ..core.decision import Refused
from .telemetry.logs import logger

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
SWITCH_SECONDS: Final = 0.0005
GARBAGE: Final = (10_000, 20, 100)  # objects more than were freed, and young collections before older ones; 10,000 are a few MB
PAUSE_FIRST_SECONDS: Final = 0.2
PAUSE_MOST_SECONDS: Final = 10.0

log = logger("runner")


async def run(assemble: Callable[[AsyncExitStack], Awaitable[None]]) -> None:
    """Assemble a service, serve until SIGTERM or SIGINT, then undo the assembly step by step.

    Args:
        assemble: starts everything and pushes onto the stack how to stop it.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in STOPPING:
        loop.add_signal_handler(name, stopping.set)
    async with AsyncExitStack() as stack:
        await assemble(stack)
        settle_in()
        log.info("ready")
        await stopping.wait()
        log.info("draining")
    for name in STOPPING:  # told twice is told once: what is left is the interpreter's end, which a signal would make a failure
        loop.remove_signal_handler(name)
        signal.signal(name, signal.SIG_IGN)
    log.info("stopped")


def settle_in() -> None:
    """What a process that serves asks of the interpreter once everything is loaded.

    What was loaded is taken out of garbage collection: it stays to the end, and to walk it again and again stops every call. What came
    since is walked more seldom than by default: each walk takes the longer the more calls are in hand, however little is garbage, and with
    some hundred of them held it stopped the loop for several ms. And threads take turns ten times as often as usual: the one that writes
    SQLite lets go of the interpreter in every statement, and would wait for it 5 ms each time while the event loop has something to do.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    sys.setswitchinterval(SWITCH_SECONDS)


class Background:
    """One task that repeats `step` every `interval` seconds, or at once when woken.

    Args:
        name: for logs.
        step: does the work; what it raises is logged and tried again.
        interval: seconds between steps while all is well.
    """

    def __init__(self, name: str, step: Callable[[], Awaitable[object]], interval: float) -> None:
        self._name = name
        self._step = step
        self._interval = interval
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Do the next step now."""
        self._woken.set()

    def start(self) -> None:
        """Start repeating; the first step comes at once."""
        self._task = asyncio.create_task(self._repeat(), name=self._name)

    async def stop(self) -> None:
        """Stop, in the middle of a step if need be: every step must be safe to break off."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _repeat(self) -> None:
        failures = 0
        while True:
            self._woken.clear()
            try:
                await self._step()
                failures = 0
            except Refused as refused:
                failures += 1
                log.warning("step refused", capability=self._name, code=refused.refusal.code.name)
            except (grpc.aio.AioRpcError, OSError, TimeoutError) as error:
                failures += 1
                log.info("step failed", capability=self._name, kind=type(error).__name__)
            pause = self._pause(failures)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)

    def _pause(self, failures: int) -> float:
        if not failures:
            return self._interval
        most = min(PAUSE_FIRST_SECONDS * 2 ** min(failures, 16), PAUSE_MOST_SECONDS, max(self._interval, PAUSE_FIRST_SECONDS))
        return random.uniform(most / 2, most)
