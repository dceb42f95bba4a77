"""What a backup of a node holds: all its tables; the search index is derived and built anew."""

from __future__ import annotations

from functools import partial

from sqlalchemy import Connection

from twelve333.adapters.sql.backup import Revisions, Service
from twelve333.adapters.sql.library import reindex
from twelve333.core.ids import HUB

from .store import delivery_of, library, metadata
from .store.registration import member_names

SERVICE = "province_node"


def service(province: str) -> Service:
    """The province node's database as backup and restore see it."""
    index = partial(reindex, tables=library.tables)

    def others(tx: Connection) -> list[str]:
        return [HUB, *(name for name in member_names(tx) if name not in (HUB, province))]

    return Service(SERVICE, metadata, delivery_of(province), Revisions(SERVICE), index, others)
