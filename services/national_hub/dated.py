"""Changes that were dated ahead take effect: the directory is signed anew on their day, so that members with an older program follow too.

Nodes of this program do not wait for it: they hold what is ahead, and go over to it by themselves.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.runner import Background
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.dated import is_ahead
from twelve333.wire.declarations import declaration_from_wire

from .context import HubContext
from .handlers.directory import republish
from .store import registration as store

LOOK_SECONDS = 30.0
log = logger("coverage")


class DatedChanges:
    """Looks twice a minute.

    Args:
        hub: its ports.
    """

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    @property
    def background(self) -> Background:
        """The looking."""
        return Background("dated changes", self.step, LOOK_SECONDS)

    async def step(self) -> None:
        """Sign the directory anew if something in it has begun since.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        now = self._hub.clock()
        begun = await self._hub.database.read(lambda tx: _begun(tx, now))
        if begun:
            version = await self._hub.database.write(lambda tx: republish(self._hub, tx, now))
            log.warning("declarations in force", version=version, count=begun)


def _begun(tx: Connection, now: datetime) -> int:
    """How many declarations that the present directory calls upcoming hold by now."""
    row = store.load_directory(tx)
    if row is None:
        return 0
    directory = registration_pb2.Directory.FromString(common_pb2.SignedDocument.FromString(row.document).payload)
    return sum(not is_ahead(declaration_from_wire(each), now) for each in directory.upcoming)
