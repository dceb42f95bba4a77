"""Signs of life of units, taken from what members tell; and which units fall silent, with an alarm for each member concerned."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from twelve333.adapters.runner import Background
from twelve333.adapters.sql.delivery import Applier, Delivery, Inbound
from twelve333.adapters.telemetry.logs import logger
from twelve333.api.registration.v1 import events_pb2
from twelve333.api.routing.v1 import events_pb2 as routing_events
from twelve333.core.ids import is_unit_code
from twelve333.core.registration.codes import UNIT_SILENT
from twelve333.core.registration.model import Unit
from twelve333.core.registration.silence import NOTED_EVERY, changed_by_silence
from twelve333.wire.times import from_timestamp

from .context import HubContext
from .handlers.directory import republish
from .keeping import give_units
from .store import life, registration, signs, unit_history

WATCH_SECONDS = 60.0
SEEN = events_pb2.UnitsSeen.DESCRIPTOR.full_name
log = logger("registration")


class Silence:
    """Watches over units.

    Args:
        hub: its ports.
        delivery: its alarms.
    """

    def __init__(self, hub: HubContext, delivery: Delivery) -> None:
        self._hub, self._delivery = hub, delivery
        self._listening_since = hub.clock()
        self._noted: dict[str, datetime] = {}

    @property
    def background(self) -> Background:
        """Looks every minute."""
        return Background("silence", self.step, WATCH_SECONDS)

    async def step(self) -> None:
        """Find units that fell silent or are heard again, and publish a directory that says so.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        for unit in await self._hub.database.write(self._look):
            say = log.error if unit.silent_since else log.warning
            say("unit silent" if unit.silent_since else "unit heard again", member=unit.member, unit=unit.code)

    def noting_calls(self, applier: Applier) -> Applier:
        """What to do with what a member tells of calls: `applier`, and a sign of its unit that hands on."""

        def apply(tx: Connection, event: Inbound, now: datetime) -> None:
            applier(tx, event, now)
            told = routing_events.HandoffEvent.FromString(event.message)
            self._note(tx, event.origin, [told.from_unit], "call", now)

        return apply

    def take_seen(self, tx: Connection, event: Inbound, now: datetime) -> None:
        """Take the signs that a node tells of its units."""
        for seen in events_pb2.UnitsSeen.FromString(event.message).units:
            self._note(tx, event.origin, [seen.code], seen.kind[:16], min(from_timestamp(seen.at), now))

    def _note(self, tx: Connection, member: str, codes: Iterable[str], kind: str, at: datetime) -> None:
        """Keep a sign, unless one of the last hour is kept; a unit that is not the member's is not its to tell of."""
        due = [code for code in codes if is_unit_code(code) and at - self._noted.get(code, at - NOTED_EVERY) >= NOTED_EVERY]
        units = [unit for code in due if (unit := registration.load_unit(tx, code)) and unit.member == member]
        if units:
            signs.note_signs(tx, [unit.code for unit in units], kind, at)
            self._noted |= {unit.code: at for unit in units if unit.silent_since is None}

    def _look(self, tx: Connection) -> list[Unit]:
        now, units, known = self._hub.clock(), registration.load_units(tx), signs.load_signs(tx)
        signs.note_signs(tx, [unit.code for unit in units if unit.code not in known], "entered", now)
        days = life.load_policy(tx).silent_days
        changed = changed_by_silence(units, known, self._listening_since, days, now)
        if not changed:
            return []
        registration.save_units(tx, changed)
        unit_history.note_units(tx, changed, now)
        give_units(self._hub, tx, [unit.code for unit in changed], now)
        for member in sorted({unit.member for unit in changed if unit.silent_since}):
            silent = [unit.code for unit in changed if unit.silent_since and unit.member == member]
            self._delivery.alarms.give(tx, member, UNIT_SILENT, ", ".join(silent)[:200], now)
        republish(self._hub, tx, now)
        return changed
