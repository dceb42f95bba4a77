"""What this service keeps of who did what, and of the logs of others."""

from __future__ import annotations

from typing import Final

from twelve333.adapters.sql.audit import AuditLog

from .metadata import metadata

log: Final = AuditLog(metadata)
