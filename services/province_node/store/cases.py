"""What the node keeps of cases: its replica of every case it is a party of."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.cases import CaseStore

from .metadata import metadata

store: Final = CaseStore(metadata)
