"""The hub renews the certificates whose authority it holds: its own, and the broker's if that lives in the same folder.

With them go the roots that are trusted: the folders here get those of the authority.
"""

from __future__ import annotations

from pathlib import Path

from twelve333.adapters.bus.reload import reload_broker
from twelve333.adapters.bus.server_config import BROKER_NAME
from twelve333.adapters.signing.files import changed_at
from twelve333.adapters.signing.keys import CHAIN_FILE, ROOT_FILE
from twelve333.adapters.signing.renewal import renew_own, renew_profiles
from twelve333.adapters.telemetry.logs import logger
from twelve333.core.identity import FEDERATION_DOMAIN, Identity, broker_identity, dns_name, hub_identity
from twelve333.core.ids import HUB

from .context import HubContext

log = logger("registration")


class Renewal:
    """`step` is repeated in the background; listeners and channels follow the files, the broker is told to read its own anew (SIGHUP)."""

    def __init__(self, hub: HubContext) -> None:
        self._hub = hub
        self._read_by_broker = _written(hub.settings.base / "broker")

    async def step(self) -> None:
        """Renew what is due, and trust what the authority does.

        Raises:
            Refused: a file cannot be read or written, or the issuing authority has ended.
        """
        pki = self._hub.settings.pki_directory
        self._renew(pki / "federation", hub_identity(), HUB)
        self._renew(pki / "enrolment", hub_identity(), HUB, carries_root=True)
        self._renew(self._hub.settings.base / "broker", broker_identity(), BROKER_NAME)
        renew_profiles(self._hub.authority, self._hub.settings.base / "profiles", FEDERATION_DOMAIN, self._hub.clock())
        self._tell_broker(self._hub.settings.base / "broker")

    def _tell_broker(self, folder: Path) -> None:
        if (written := _written(folder)) == self._read_by_broker:
            return
        self._read_by_broker = written
        if reload_broker(folder):
            log.info("broker reads its certificate anew")
        else:
            log.warning("broker is not on this machine: give it its new files and have it reload")

    def _renew(self, folder: Path, identity: Identity, member: str, *, carries_root: bool = False) -> None:
        names = [dns_name(member), "localhost"]
        if renew_own(self._hub.authority, folder, identity, names, self._hub.clock(), carries_root=carries_root):
            log.info("certificate renewed", path=folder.name)


def _written(folder: Path) -> tuple[int, int]:
    return changed_at(folder / CHAIN_FILE), changed_at(folder / ROOT_FILE)
