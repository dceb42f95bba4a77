"""What the hub keeps of cases: its replica of every case it is told of, for supervision."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.cases import CaseStore

from .metadata import metadata

store: Final = CaseStore(metadata)
