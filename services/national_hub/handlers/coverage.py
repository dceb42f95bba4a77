"""The directory as the hub sees it, made ready for questions about coverage and indexed once a version; and how units stood before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.calendar import announced_calendar
from twelve333.api.common.v1 import common_pb2
from twelve333.api.registration.v1 import registration_pb2
from twelve333.core.coverage.history import AsOf, as_of
from twelve333.core.coverage.snapshot import Snapshot
from twelve333.core.decision import Refused, refuse
from twelve333.core.registration import codes
from twelve333.wire.directory import Indexed, indexed

from ..context import HubContext
from ..store import registration as store
from ..store import unit_history


class UnitHistory:
    """How units stood, from the hub's own register; call it for a time."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub

    async def __call__(self, day: datetime) -> AsOf:
        """The units as they stood at a time, or will by plan."""

        def load(tx: Connection) -> AsOf:
            return as_of(store.load_units(tx), unit_history.load_standings(tx), day, self._hub.clock())

        return await self._hub.database.read(load)


class DirectorySnapshot:
    """Asks the hub's own register; call it for the present directory."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub
        self._indexed: Indexed | None = None

    async def __call__(self, at: datetime) -> Snapshot:
        """The present directory, as it holds at a time.

        Raises:
            Refused: REGISTRATION_DIRECTORY_MISSING.
        """
        row = await self._hub.database.read(store.load_directory)
        if row is None:
            raise Refused(refuse(codes.DIRECTORY_MISSING))
        if self._indexed is None or self._indexed.snapshot.version != row.version or not self._indexed.holds(at):
            document = common_pb2.SignedDocument.FromString(row.document)
            self._indexed = indexed(registration_pb2.Directory.FromString(document.payload), announced_calendar(), at)
        return self._indexed.snapshot
