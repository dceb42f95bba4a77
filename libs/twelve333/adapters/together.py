"""Does together what several ask for one by one: whatever came while the one before was being done.

Rule served: who is alone waits for nobody, and of many each costs a share; what is refused to one is nothing to the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from ..core.decision import Refusal, Refused

T = TypeVar("T")
R = TypeVar("R")
MOST: Final = 64


class Together(Generic[T, R]):
    """See the module. Belongs to the event loop that first uses it.

    Args:
        act: does some, at most `most`; the answers in order, a `Refusal` for those that are refused. What it raises is told to all that
            it was given; but a bug only to the one that it was found with, after each was tried alone.
        most: at once.
        apart: seconds from one beginning to the next, for what can wait so long; who comes after a quiet time waits for nobody.
    """

    def __init__(self, act: Callable[[Sequence[T]], Awaitable[Sequence[R | Refusal]]], most: int = MOST, apart: float = 0.0) -> None:
        self._act, self._most, self._apart = act, most, apart
        self._next = 0.0  # not before, by the loop's clock
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._acting: asyncio.Task[None] | None = None

    async def one(self, asked: T) -> R:
        """Have it done, with whatever else is asked for.

        Raises:
            Refused: as `act` answers, or raises.
        """
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, done))
        if self._acting is None:
            self._acting = asyncio.create_task(self._all())
        return await done

    async def _all(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._some([each for each in some if not each[1].done()])
        finally:
            self._acting = None

    async def _gather(self) -> None:
        time = asyncio.get_running_loop().time
        if (left := self._next - time()) > 0 and len(self._waiting) < self._most:
            await asyncio.sleep(left)
        self._next = time() + self._apart

    async def _some(self, some: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        if not some:
            return
        try:
            answers = await self._act([asked for asked, _ in some])
        except Refused as refused:
            answers = [refused.refusal] * len(some)
        except Exception as error:  # noqa: BLE001 - not swallowed: it is handed to who waits for it
            if len(some) > 1:
                for each in some:
                    await self._some([each])
            elif not some[0][1].done():
                some[0][1].set_exception(error)
            return
        for (_, done), answer in zip(some, answers, strict=True):
            _tell(done, answer)


def _tell(done: asyncio.Future[Any], answer: object) -> None:
    if done.done():  # whoever asked has given up
        return
    if isinstance(answer, Refusal):
        done.set_exception(Refused(answer))
    else:
        done.set_result(answer)
