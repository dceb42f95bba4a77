"""Makes a database ready for its service: the newest revision, and an epoch if it never had one."""

from __future__ import annotations

import asyncio
from datetime import datetime

from .database import open_database
from .delivery import Delivery
from .migrate import upgrade


async def prepare(service: str, url: str, delivery: Delivery, now: datetime) -> str:
    """Migrate the database at `url` and begin its first epoch; safe to repeat.

    Args:
        service: `national_hub` or `province_node`.
        url: of the database.
        delivery: of the member whose database it is.
        now: when the epoch begins.

    Returns:
        The revision it is at.

    Raises:
        Refused: DELIVERY_STORE_UNAVAILABLE.
    """
    revision = await asyncio.to_thread(upgrade, service, url)
    database = open_database(url)
    try:
        await database.write(lambda tx: delivery.outbox.epoch(tx) or delivery.outbox.begin_epoch(tx, now))
    finally:
        await database.close()
    return revision
