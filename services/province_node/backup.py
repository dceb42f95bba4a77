"""What a backup of a node holds: all its tables; the search index is derived and built anew."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from twelve333.adapters.library_returns import ask_for_steps
from twelve333.adapters.sql.backup import Lost, Revisions, Service
from twelve333.adapters.sql.cases_inbound import ask_for_returns
from twelve333.adapters.sql.library import reindex
from twelve333.core.ids import HUB

from .handoff_returns import ask_for_handoffs
from .store import delivery_of, library, metadata
from .store.registration import member_names

SERVICE = "province_node"


def service(province: str) -> Service:
    """The province node's database as backup and restore see it."""
    delivery, index = delivery_of(province), partial(reindex, tables=library.tables)

    def others(tx: Connection) -> list[str]:
        return [HUB, *(name for name in member_names(tx) if name not in (HUB, province))]

    def ask_back(tx: Connection, lost: Lost) -> None:
        ask_for_returns(tx, delivery, lost.told, lost.since, lost.now)
        ask_for_handoffs(tx, delivery.outbox, lost.told, lost.since, lost.now)
        ask_for_steps(tx, delivery.outbox, [HUB], lost.since, lost.now)

    return Service(SERVICE, metadata, delivery, Revisions(SERVICE), index, others, ask_back)
