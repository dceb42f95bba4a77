"""What a backup of a node holds: all its tables; the search index is derived and built anew."""

from __future__ import annotations

from functools import partial

from twelve333.adapters.sql.backup import Revisions, Service
from twelve333.adapters.sql.library import reindex

from .store import delivery_of, library, metadata

SERVICE = "province_node"


def service(province: str) -> Service:
    """The province node's database as backup and restore see it."""
    return Service(SERVICE, metadata, delivery_of(province), Revisions(SERVICE), partial(reindex, tables=library.tables))
