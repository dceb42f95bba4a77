"""Something that computes on a thread until the event loop lets it go: whoever kept the loop waiting meanwhile would never be let go."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Held:
    """Where it is held, and what lets it go."""

    def __init__(self) -> None:
        self.there, self.go = threading.Event(), threading.Event()

    def holding(self, part: Callable[..., T]) -> Callable[..., T]:
        """`part`, held until it is let go."""

        def held(*asked: Any) -> T:
            self.there.set()
            assert self.go.wait(20), "only the event loop lets go"
            return part(*asked)

        return held

    async def begun(self) -> None:
        """Wait until one is held."""
        async with asyncio.timeout(20):
            while not self.there.is_set():
                await asyncio.sleep(0)
