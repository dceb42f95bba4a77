"""The one collection of tables of the hub; each capability declares its own in `store/<capability>.py`."""

from __future__ import annotations

from sqlalchemy import MetaData

from twelve333.adapters.sql.delivery import Delivery
from twelve333.adapters.sql.tables import delivery_tables

metadata = MetaData()
delivery = delivery_tables(metadata)


def delivery_of(member: str, backlog_max: int | None = None) -> Delivery:
    """Outbox, inbox and counts of this service as `member`; with a limit where people ask for what is appended."""
    return Delivery(delivery, member, backlog_max)
