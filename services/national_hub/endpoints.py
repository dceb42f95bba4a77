"""Where the hub reaches its members: their addresses as they told when they joined."""

from __future__ import annotations

from collections.abc import Sequence

from twelve333.adapters.sql.database import Database

from .store import registration as store
from .store.certificates import revoked_names


class MemberEndpoints:
    """The addresses in memory, read again by `refresh`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._endpoints: dict[str, str] = {}

    async def refresh(self) -> None:
        """Read them again.

        Raises:
            Refused: DELIVERY_STORE_UNAVAILABLE.
        """
        members = await self._database.read(store.load_members)
        _, revoked = await self._database.read(revoked_names)
        self._endpoints = {member.name: member.endpoint for member in members if member.name not in revoked}

    def names(self) -> Sequence[str]:
        """Who they are."""
        return tuple(self._endpoints)

    def endpoint_of(self, member: str) -> str | None:
        """host:port of a member's federation listener, None if it is no member or was revoked."""
        return self._endpoints.get(member)
