"""What a business system imports: a connection to the hub or a node, with typed calls per capability."""

from __future__ import annotations

from .connection import Connection, Credentials
from .errors import ServiceError
from .sync import SyncConnection

__all__ = ["Connection", "Credentials", "ServiceError", "SyncConnection"]
