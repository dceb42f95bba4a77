"""What every part of the demo works with: the federation, its voice, its figures, and waiting with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ...core.decision import Code, Kind, Refused, refuse
from ...data import units_2013
from .federation import Federation
from .figures import Figures
from .telling import Teller

POLL_SECONDS = 0.05
WAIT_SECONDS = 30.0
NOT_IN_TIME = Code("DEMO_NOT_IN_TIME", Kind.TIMED_OUT)


@dataclass
class Stage:
    """The demo in progress."""

    federation: Federation
    tell: Teller
    figures: Figures = field(default_factory=Figures)
    names: dict[str, str] = field(default_factory=lambda: {unit.code: unit.name for unit in units_2013()})

    def name(self, unit: str) -> str:
        """A unit for people: name and code."""
        return f"{self.names.get(unit, '?')} {unit}"


async def until(what: str, holds: Callable[[], Awaitable[bool]], within_seconds: float = WAIT_SECONDS) -> None:
    """Wait until `holds`, asked again and again, says so.

    Raises:
        Refused: DEMO_NOT_IN_TIME, naming `what`.
    """
    try:
        async with asyncio.timeout(within_seconds):
            while not await holds():  # noqa: ASYNC110 - another process has no event to wait for
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError as error:
        raise Refused(refuse(NOT_IN_TIME, what=what, seconds=within_seconds)) from error


async def everybody_has_directory(federation: Federation, version: int) -> None:
    """Wait until every node works from this version of the directory, or a newer one."""

    async def holds() -> bool:
        return all([await _directory_version(federation, name) >= version for name in federation.nodes])

    await until("directory", holds)


async def _directory_version(federation: Federation, name: str) -> int:
    async with federation.nodes[name].connect() as node:
        return (await node.registration.node_status()).directory_version
