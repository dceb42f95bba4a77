"""A second copy of a running node: the same database and the same keys on another machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from twelve333.adapters.processes import Process, free_ports
from twelve333.cli.demo.federation import Member
from twelve333.client import Connection, Credentials, ServiceError
from twelve333.client.calls import RetryPolicy


class Copied:
    """A copy of a node's folder, made while the node runs, with ports of its own.

    Args:
        original: the node.
        folder: for the copy; it must not be there.
        province: whose node it is.
        env: what the original is started with, ours if None.
    """

    def __init__(self, original: Member, folder: Path, province: str, env: Mapping[str, str] | None = None) -> None:
        shutil.copytree(original.folder, folder, ignore=shutil.ignore_patterns("node.db*"))
        with closing(sqlite3.connect(original.folder / "node.db")) as source, closing(sqlite3.connect(folder / "node.db")) as target:
            source.backup(target)
        federation, desk, health = (f"127.0.0.1:{port}" for port in free_ports(3))
        listen = {"FEDERATION": federation, "DESK": desk, "HEALTH": health}
        surroundings = {**(env or os.environ), **{f"TWELVE333_LISTEN__{name}": address for name, address in listen.items()}}
        command = (sys.executable, "-m", "twelve333.cli", "node", "run", "--config", folder / "node.toml")
        self.process = Process("copy", command, folder / "run.log", env=surroundings)
        self.member = Member("copy", folder, health, self.process, folder / "profiles" / "operator")
        self._desk, self._province = desk, province

    def connect(self) -> Connection:
        """As its operator; refusals are not tried again."""
        credentials = Credentials.from_directory(self.member.profile)
        return Connection.open(self._desk, self._province, credentials, retry=RetryPolicy(attempts_max=1))

    async def answers(self) -> bool:
        """Whether its desk listener is there, ready or not."""
        try:
            async with self.connect() as node:
                await node.delivery.status()
        except ServiceError:
            return False
        return True
