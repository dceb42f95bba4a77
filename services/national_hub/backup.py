"""What a backup of the hub holds: all its tables; the search index is derived and built anew."""

from __future__ import annotations

from functools import partial

from twelve333.adapters.sql.backup import Revisions, Service
from twelve333.adapters.sql.library import reindex
from twelve333.core.ids import HUB

from .restored import ask_back
from .store import delivery_of, library, metadata
from .store.registration import member_names

SERVICE = "national_hub"


def service() -> Service:
    """The hub's database as backup and restore see it."""
    index = partial(reindex, tables=library.tables)
    return Service(SERVICE, metadata, delivery_of(HUB), Revisions(SERVICE), index, member_names, ask_back)
