"""`takeover` of hub and node: an operator decides that this copy of a member is the one that shall live."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from ..adapters.clock import system_clock
from ..adapters.sql.backup import Lost, Service
from ..adapters.sql.database import open_database
from ..adapters.sql.occupied import alone
from ..core.decision import Refused, refuse
from ..core.delivery.codes import TAKEOVER_IN_USE
from .common import Common
from .output import show_one

OTHERS_KEEP: Final = timedelta(days=30)  # confirmed events, unless their policy says otherwise


async def take_over(url: str, service: Service, common: Common) -> None:
    """Begin a new epoch in the database at `url` and forget which process had it; print the epoch.

    What waits is told under the new epoch, others tell again what this copy has not had, and every other copy is refused by whoever
    hears of the epoch.

    Raises:
        Refused: DELIVERY_TAKEOVER_IN_USE, DELIVERY_EPOCH_MISSING, DELIVERY_STORE_*.
    """
    with alone(url) as free:
        if not free:
            raise Refused(refuse(TAKEOVER_IN_USE))
        database = open_database(url)
        try:
            epoch = await database.write(partial(_begin_anew, service=service, now=system_clock()))
        finally:
            await database.close()
    show_one({"member": service.delivery.member, "epoch": epoch}, as_json=common.json)


def _begin_anew(tx: Connection, service: Service, now: datetime) -> int:
    """The new epoch; and what the other copy had told in this member's name is asked back, as far as others keep it."""
    epoch = service.delivery.taken_over(tx, service.others(tx), now)
    told = [head.destination for head in service.delivery.outbox.heads(tx)]
    service.ask_back(tx, Lost(now - OTHERS_KEEP, told, now))
    return epoch
