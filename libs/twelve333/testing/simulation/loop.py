"""An event loop whose time is virtual: it jumps to the next deadline instead of waiting, and does things in one order only.

Rule served: a run is a function of its seed. Production code runs on it unchanged, because it asks the loop, and only the loop, for time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any, Protocol


class Life(Protocol):
    """Who owns the tasks started in its context: one life of a simulated process, from start to crash."""

    tasks: list[asyncio.Task[Any]]


LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)


ROUNDS_MAX = 50_000  # of the loop without a tick of the clock; a busy run needs a few hundred


class Stuck(Exception):
    """The world does not go on: nothing is ready and no deadline is set, or something spins and lets no time pass."""


class VirtualLoop(asyncio.BaseEventLoop):
    """See the module. It has no sockets, no threads and no signals."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual_now = 0.0
        self._rounds = 0
        self._selector = self
        self.set_task_factory(_owned_task)  # type: ignore[arg-type]

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self._virtual_now

    def select(self, timeout: float | None) -> list[Any]:
        """What the base loop calls to wait: jump there."""
        self._rounds = self._rounds + 1 if timeout == 0 else 0
        if timeout is None or self._rounds > ROUNDS_MAX:
            raise Stuck("waits for ever" if timeout is None else "spins")
        self._virtual_now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no sockets."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody has to be woken."""


def _owned_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], context: Context | None = None) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, context=context)
    life = LIFE.get() if context is None else context.get(LIFE)
    if life is not None:
        life.tasks.append(task)
    return task


def run_virtually(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main` to its end on a fresh virtual loop; tasks left over are cancelled in the order in which they were made."""
    loop = VirtualLoop()
    try:
        task = loop.create_task(main())
        loop.run_until_complete(task)
    finally:
        loop.close()
