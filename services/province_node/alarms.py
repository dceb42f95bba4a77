"""Alarms about the directory: what must not happen is refused or worked around, counted, logged, and told to the hub."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Final

from opentelemetry import metrics
from sqlalchemy import Connection

from twelve333.adapters.clock import Clock
from twelve333.adapters.sql.alarms import Alarms as Kept
from twelve333.adapters.sql.database import Database
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.decision import Code, Refusal
from twelve333.core.delivery.status import Alarm
from twelve333.core.ids import HUB

_ABOUT_DIRECTORY: Final = ("SECURITY_", "REGISTRATION_")  # the other alarms about the hub are of delivery

log = logger("registration")
_raised = metrics.get_meter("twelve333.registration").create_counter(
    "twelve333.registration.directory_alarms", unit="{alarm}", description="things about the directory that must not happen, by code"
)
_age = metrics.get_meter("twelve333.registration").create_gauge(
    "twelve333.registration.directory_age", unit="s", description="time since the hub last confirmed the directory"
)


def measure_age(confirmed_at: datetime, now: datetime) -> None:
    """Tell the metrics how old the directory is."""
    _age.set((now - confirmed_at).total_seconds())


class Alarms:
    """The alarms of one node about the directory, which are alarms about the hub among all others.

    Args:
        database: where they are counted.
        clock: the present moment.
        kept: the node's one store of alarms.
    """

    def __init__(self, database: Database, clock: Clock, kept: Kept) -> None:
        self._database, self._clock, self._kept = database, clock, kept

    async def note(self, refusal: Refusal, detail: str = "") -> None:
        """Count one.

        Args:
            refusal: what must not happen.
            detail: numbers and hashes for operators; nothing personal.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE; it is in the log and the metrics then.
        """
        await self._database.write(partial(self.give, code=refusal.code, detail=detail, now=self._clock()))

    def give(self, tx: Connection, code: Code, detail: str, now: datetime) -> bool:
        """The same within a unit of work; whether it is the first since it was cleared."""
        _raised.add(1, {"code": code.name})
        log.error("alarm about the directory", code=code.name)
        return self._kept.give(tx, HUB, code, detail, now)

    async def list(self) -> list[Alarm]:
        """What was counted so far, by code."""
        alarms = await self._database.read(self._kept.all)
        return [alarm for alarm in alarms if alarm.member == HUB and alarm.code.startswith(_ABOUT_DIRECTORY)]
