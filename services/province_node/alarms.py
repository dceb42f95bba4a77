"""Alarms about the directory: what must not happen is refused or worked around, counted, logged, and told to the hub."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from opentelemetry import metrics

from twelve333.adapters.clock import Clock
from twelve333.adapters.sql.database import Database
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.decision import Refusal

from .store.alarms import AlarmRow, count_alarm, load_alarms

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
    """The alarms of one node.

    Args:
        database: where they are counted.
        clock: the present moment.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def note(self, refusal: Refusal) -> None:
        """Count one.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE; it is in the log and the metrics then.
        """
        code = refusal.code.name
        _raised.add(1, {"code": code})
        log.error("alarm about the directory", code=code)
        await self._database.write(partial(count_alarm, code=code, now=self._clock()))

    async def list(self) -> list[AlarmRow]:
        """What was counted so far."""
        return await self._database.read(load_alarms)
