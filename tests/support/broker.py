"""A real nats-server over mutual TLS, with certificates from a federation authority made for the test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

from twelve333.adapters.bus import BROKER_NAME, BrokerServer, render_server_config
from twelve333.adapters.bus.nats import NatsBus, NatsSettings
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.processes import Process, accepts_connections, find_binary, free_ports
from twelve333.adapters.signing.authority import Authority, create_authority
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, key_and_request, write_material
from twelve333.core.identity import Identity, broker_identity, dns_name, hub_identity, node_identity
from twelve333.core.ids import HUB

PROVINCES = ("310000", "320000", "350000")
READY_SECONDS = 20.0


class TestBroker:
    """The broker of one test; it can be killed, wiped and started again."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        self.config = folder / BROKER_NAME / "nats-server.conf"
        self.url = f"tls://127.0.0.1:{self.port}"
        self._authority = create_authority(folder / "authority", "test federation", datetime.now(UTC))
        self._certify(BROKER_NAME, broker_identity())
        self._certify(HUB, hub_identity())
        for province in PROVINCES:
            self._certify(province, node_identity(province))
        self._process = self._configure()

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        await self._process.start(accepts_connections("127.0.0.1", self.port), within_seconds=READY_SECONDS)

    async def stop(self) -> None:
        """End it."""
        await self._process.stop()

    def wipe(self) -> None:
        """Lose everything it had stored."""
        shutil.rmtree(self.folder / "store", ignore_errors=True)

    def bus(self, member: str) -> NatsBus:
        """A connection for `member`, not yet started; the hub's administers all."""
        administers = (HUB, *PROVINCES) if member == HUB else ()
        return NatsBus(NatsSettings((self.url,), member, member_tls(self.folder / member), administers))

    def outsider(self, member: str) -> Path:
        """A folder with a certificate in `member`'s name from an authority that nobody knows."""
        stranger = create_authority(self.folder / "stranger", "stranger", datetime.now(UTC))
        self._certify("outsider", node_identity(member), stranger)
        shutil.copy(self.folder / member / ROOT_FILE, self.folder / "outsider" / ROOT_FILE)
        return self.folder / "outsider"

    def _certify(self, name: str, identity: Identity, authority: Authority | None = None) -> None:
        folder = self.folder / name
        folder.mkdir()
        signer = authority or self._authority
        names = [dns_name(name), "localhost"]
        issued = signer.issue(key_and_request(folder), identity, names, timedelta(days=1), datetime.now(UTC))
        write_material(folder, issued.chain, issued.root)

    def _configure(self) -> Process:
        own = self.folder / BROKER_NAME
        files = self.folder / "store", own / CHAIN_FILE, own / KEY_FILE, own / ROOT_FILE
        server, path = BrokerServer("127.0.0.1", self.port, *files), self.config
        path.write_text(render_server_config(server, PROVINCES), encoding="utf-8")
        binary = find_binary("nats-server", package="nats-server")
        return Process("nats-server", [str(binary), "-c", str(path)], log=self.folder / "nats.log")


@pytest_asyncio.fixture
async def broker(tmp_path: Path) -> AsyncIterator[TestBroker]:
    """A running broker for the hub and three provinces."""
    made = TestBroker(tmp_path / "broker")
    await made.start()
    yield made
    await made.stop()
