"""What the hub keeps only for a while: texts of cases, and events on their way."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.retention import Retention

from .cases import store as cases
from .metadata import metadata

store: Final = Retention(metadata, cases)
