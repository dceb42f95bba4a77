"""What this node keeps for the hub."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.records import RecordStore

from .metadata import metadata

records: Final = RecordStore(metadata)
