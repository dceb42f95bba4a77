"""The broker lets in whom the register names, each with its present key: nobody who was revoked, and no key from before."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import Connection

from twelve333.adapters.bus.membership import Membership
from twelve333.adapters.bus.nats import NatsBus
from twelve333.adapters.hosting import federation_folder
from twelve333.adapters.runner import Background
from twelve333.adapters.signing.keys import fingerprint_of
from twelve333.adapters.signing.renewal import present_leaf
from twelve333.adapters.sql.database import Notes
from twelve333.core.ids import HUB

from .context import HubContext
from .store import registration as store
from .store.certificates import revoked_names

STEP_SECONDS = 1.0  # between two steps of an exchange of keys; the broker has read the first long before


class BrokerMembers:
    """`background` follows the register: at start, after each change, and now and then, should the file have been put back.

    Args:
        hub: its register, settings and own certificate.
    """

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub
        self._membership = Membership(hub.settings.base / hub.settings.broker.config)
        self.background = Background("broker members", self._step, hub.settings.certificate_check_seconds)
        self._bus: NatsBus | None = None
        hub.database.after_commit(self._committed)

    def attach(self, bus: NatsBus) -> None:
        """Have this session make the consumers of members that join."""
        self._bus = bus

    def _committed(self, notes: Notes) -> None:
        if store.DIRECTORY in notes:
            self.background.wake()

    async def _step(self) -> None:
        """Raises `Refused` when the broker could not be told; it is tried again."""
        members = await self._hub.database.read(_good_keys)
        own = await asyncio.to_thread(_own_key, federation_folder(self._hub.settings))
        wanted = {**members, HUB: own}
        if not await asyncio.to_thread(self._membership.use, wanted):
            await asyncio.sleep(STEP_SECONDS)
            await asyncio.to_thread(self._membership.use, wanted)
        if self._bus is not None:
            await self._bus.administer(sorted(wanted))


def _good_keys(tx: Connection) -> dict[str, str]:
    _, revoked = revoked_names(tx)
    return {member.name: member.key_fingerprint for member in store.load_members(tx) if member.name not in revoked}


def _own_key(folder: Path) -> str:
    return fingerprint_of(present_leaf(folder).public_key())
