"""Members that come back from a backup that is older than what they had told and heard.

What a member itself accepted after the backup is gone with its disk, and no other member can know of it; so the load rests there
between backup and loss. What others told it in that time must be there again, and what it tells from then on must arrive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from .crashes import JIANGSU
from .load import Load
from .run import Breaking, Fault
from .stage import HUB, Stage

FIRST_BACKUP: Final = "first.backup"


def restored(name: str) -> Breaking:
    """Backed up while it runs; killed when others have told it more; its database replaced; started."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        kind, config = ("hub", "hub.toml") if name == HUB else ("node", "node.toml")
        folder = stage.member(name).folder
        where = ["--config", folder / config]
        await load.rest(name)
        await stage.federation.command(kind, "backup", folder / FIRST_BACKUP, *where, member=name)
        await load.accepts(12, *(other for other in stage.provinces if other != name))
        await stage.kill(name)
        await stage.federation.command(kind, "restore", folder / FIRST_BACKUP, *where, "--replace", member=name)
        await stage.start(name)
        load.resume(name)
        yield

    return breaking


FAULTS: Final = (
    Fault("restored.node", restored(JIANGSU), counting=False),
    Fault("restored.hub", restored(HUB), counting=False),
)
