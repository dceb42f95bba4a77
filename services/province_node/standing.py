"""Telling the hub how this node stands with roots and directory, whenever that changes: who exchanges a root waits for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from twelve333.adapters import hosting
from twelve333.adapters.signing.keys import CHAIN_FILE, ROOT_FILE, load_certificates
from twelve333.adapters.signing.trust import fingerprint, root_above
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.registration.v1 import registration_pb2 as pb
from twelve333.core.ids import HUB
from twelve333.core.registration.freshness import Freshness
from twelve333.wire.registration import alarm_to_wire, freshness_to_wire
from twelve333.wire.times import to_timestamp

from .alarms import Alarms, measure_age
from .context import NodeContext

COUNTS_EVERY: Final = timedelta(minutes=10)  # an alarm that goes on and on is not told each time

log = logger("registration")


class StandingTelling:
    """`step` is repeated in the background; the first one after a start always tells."""

    def __init__(self, node: NodeContext, alarms: Alarms) -> None:
        self._node, self._alarms = node, alarms
        self._told = pb.MemberStanding()
        self._told_at: datetime | None = None
        self._warned, self._warned_at = Freshness.FRESH, node.clock()

    async def step(self) -> None:
        """Tell once, unless nothing has changed.

        Raises:
            Refused: SECURITY_FILE_*, DELIVERY_STORE_UNAVAILABLE.
        """
        now, standing = self._node.clock(), await self._standing()
        measure_age(self._node.directory.confirmation.confirmed_at, now)
        self._warn(self._node.directory.freshness(now), now)
        unchanged = _essence(standing) == _essence(self._told)
        if self._told_at and unchanged and (now < self._told_at + COUNTS_EVERY or standing.alarms == self._told.alarms):
            return
        await self._node.database.write(partial(self._tell, standing=standing, now=now))
        self._told, self._told_at = standing, now

    def _warn(self, freshness: Freshness, now: datetime) -> None:
        """Say in the log that the directory is old, each time that changes and every few minutes as long as it is."""
        if freshness is self._warned and now < self._warned_at + COUNTS_EVERY:
            return
        self._warned, self._warned_at = freshness, now
        if freshness is not Freshness.FRESH:
            say = log.error if freshness is Freshness.OVERDUE else log.warning
            say("directory is old", state=freshness.value, version=self._node.directory.version)

    def _tell(self, tx: Connection, standing: pb.MemberStanding, now: datetime) -> None:
        self._node.outbox.append(tx, destination=HUB, message=standing, now=now)

    async def _standing(self) -> pb.MemberStanding:
        folder, directory = hosting.federation_folder(self._node.settings), self._node.directory
        roots = load_certificates(folder / ROOT_FILE)
        above = root_above(load_certificates(folder / CHAIN_FILE), roots)
        return pb.MemberStanding(
            trusted_roots=sorted(map(fingerprint, roots)),
            certificate_root=fingerprint(above) if above else "",
            freshness=freshness_to_wire(directory.freshness(self._node.clock())),
            confirmed_at=to_timestamp(directory.confirmation.confirmed_at),
            alarms=[alarm_to_wire(each.code, each.count, each.first_at, each.last_at) for each in await self._alarms.list()],
        )


def _essence(standing: pb.MemberStanding) -> tuple[object, ...]:
    """What is told at once when it changes."""
    codes = tuple(each.code for each in standing.alarms)
    return tuple(standing.trusted_roots), standing.certificate_root, standing.freshness, codes
