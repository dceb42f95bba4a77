"""The federation that faults happen to: every road between its members leads through a proxy of its own.

Proxies stand between each member and the broker, each node and the hub, and in front of each node's listener for other members. The
desks that make the load are next to their node, except one road that leads to it through a proxy too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twelve333.adapters.processes import free_ports
from twelve333.cli.demo.federation import Federation, Member
from twelve333.cli.demo.stage import everybody_has_directory
from twelve333.cli.library_files import sample_entries as library_entries
from twelve333.cli.unit import sample_entries

from .program import CLOCK, UNKNOWN
from .proxy import HOST, Address, Proxy

PROVINCES: Final = ("320000", "310000")
MANY: Final = (*PROVINCES, "350000", "360000", "230000")
ROOT: Final = Path(__file__).parents[2]
ENVIRONMENT: Final = {
    "TWELVE333_LOGGING__LEVEL": "warning",
    "TWELVE333_CERTIFICATE_CHECK_SECONDS": "1",  # so that what comes by itself comes within a fault's time
    "TWELVE333_AUDIT__HEAD_SECONDS": "5",
    "LC_ALL": "C.UTF-8",
    "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
}
HUB: Final = "hub"
READY_SECONDS: Final = 60.0
FIRST_ENTRIES: Final = 5


@dataclass
class Stage:
    """What a fault may lay hands on."""

    federation: Federation
    to_broker: dict[str, Proxy] = field(default_factory=dict)  # by member
    to_hub: dict[str, Proxy] = field(default_factory=dict)  # by province
    to_node: dict[str, Proxy] = field(default_factory=dict)  # by province that is dialled
    to_desk: dict[str, Proxy] = field(default_factory=dict)

    @property
    def provinces(self) -> tuple[str, ...]:
        """The nodes, in a fixed order."""
        return tuple(sorted(self.federation.nodes))

    def member(self, name: str) -> Member:
        """The hub or a node."""
        return self.federation.hub if name == HUB else self.federation.nodes[name]

    @property
    def proxies(self) -> list[Proxy]:
        """All roads."""
        return [proxy for group in (self.to_broker, self.to_hub, self.to_node, self.to_desk) for proxy in group.values()]

    def around(self, name: str) -> list[Proxy]:
        """The roads in and out of one member, as far as they lead to other members."""
        if name == HUB:
            return [self.to_broker[HUB], *self.to_hub.values()]
        return [self.to_broker[name], self.to_hub[name], self.to_node[name]]

    def heal(self) -> None:
        """All roads are good again."""
        for proxy in self.proxies:
            proxy.heal()

    async def kill(self, *names: str) -> None:
        """As if the power failed: no member may say good-bye."""
        for name in names:
            self.send(name, signal.SIGKILL)
        for name in names:
            await (self.federation.broker if name == "broker" else self.member(name).process).stop()

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a member or the broker."""
        pid = self.federation.broker.pid if name == "broker" else self.member(name).process.pid
        assert pid is not None, f"{name} does not run"
        os.kill(pid, number)

    async def start(self, *names: str) -> None:
        """Start members or the broker again, each waited for."""
        for name in names:
            if name == "broker":
                await self.federation.broker.start()
            else:
                member = self.member(name)
                await member.process.start(member.ready, within_seconds=READY_SECONDS)

    def disguise(self, name: str, **environment: str) -> None:
        """Run a member, from its next start on, as `program.py` does with these variables; as usual if there are none."""
        process = self.member(name).process
        module = "tests.faults.program" if environment else "twelve333.cli"
        process.command = (sys.executable, "-m", module, *process.command[3:])
        own = {word: value for word, value in (process.env or {}).items() if word not in (CLOCK, UNKNOWN)}  # not those of an earlier fault
        process.env = {**own, **environment}

    async def restart(self, *names: str) -> None:
        """Stop members in order and start them again, as for an upgrade."""
        for name in names:
            await self.member(name).process.stop()
        await self.start(*names)

    def wipe_broker(self) -> None:
        """Lose everything that the broker stored; it must not run."""
        shutil.rmtree(self.federation.folder / HUB / "broker" / "store")


@asynccontextmanager
async def staged(folder: Path, provinces: Sequence[str] = PROVINCES) -> AsyncIterator[Stage]:
    """A federation of hub, broker and nodes, with the 366 units and a small library, all roads through proxies."""
    settings: dict[str, dict[str, str]] = {}
    federation = Federation(folder, lambda *_words, **_params: None, ENVIRONMENT, settings=settings)
    stage = Stage(federation)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_end, stage)
        _plan(stage, settings, provinces)
        for proxy in [*stage.to_broker.values(), *stage.to_hub.values()]:
            await proxy.start()
        await federation.start_hub()
        await federation.add_nodes(provinces)
        for province in provinces:
            await _stand_before(stage, province, int(settings[province]["TWELVE333_LISTEN__FEDERATION"].rpartition(":")[2]))
        async with federation.hub.connect() as hub:
            _, version = await hub.registration.register_units(sample_entries())
            await hub.library.publish(library_entries()[:FIRST_ENTRIES], strict=True)
        await everybody_has_directory(federation, version)
        yield stage


def _plan(stage: Stage, settings: dict[str, dict[str, str]], provinces: Sequence[str]) -> None:
    """Choose ports, and have each member dial the proxies."""
    folder = stage.federation.folder

    def broker() -> Address | None:
        path = folder / HUB / "broker" / "nats-server.conf"
        return address(json.loads(path.read_text().partition("\n")[2])["listen"]) if path.exists() else None

    def hub() -> Address | None:
        path = folder / HUB / "hub.toml"
        return address(tomllib.loads(path.read_text())["listen"]["federation"]) if path.exists() else None

    ports = iter(free_ports(1 + 3 * len(provinces)))
    for name in (HUB, *provinces):
        stage.to_broker[name] = Proxy(next(ports), broker)
        settings[name] = {"TWELVE333_BROKER__URLS": json.dumps([f"tls://{HOST}:{stage.to_broker[name].port}"])}
    for name in provinces:
        stage.to_hub[name] = Proxy(next(ports), hub)
        settings[name]["TWELVE333_HUB__ENDPOINT"] = f"{HOST}:{stage.to_hub[name].port}"
        settings[name]["TWELVE333_LISTEN__FEDERATION"] = f"{HOST}:{next(ports)}"  # it tells others the port that it joined with


async def _stand_before(stage: Stage, province: str, listens: int) -> None:
    """Take the address that the node told others, and stand before its desk listener on one more."""
    file = tomllib.loads((stage.federation.nodes[province].folder / "node.toml").read_text())["listen"]
    stage.to_node[province] = Proxy(address(file["advertise"])[1], lambda: (HOST, listens))
    stage.to_desk[province] = Proxy(free_ports(1)[0], lambda: address(file["desk"]))
    await stage.to_node[province].start()
    await stage.to_desk[province].start()


async def _end(stage: Stage) -> None:
    """Leave no process and no port behind, also one that was paused."""
    stage.heal()
    for name in (*stage.federation.nodes, *([HUB] if stage.federation._hub else []), *(["broker"] if stage.federation._broker else [])):
        if (stage.federation.broker.pid if name == "broker" else stage.member(name).process.pid) is not None:
            stage.send(name, signal.SIGCONT)
    await stage.federation.stop()
    for proxy in stage.proxies:
        await proxy.stop()


def address(text: str) -> Address:
    """`host:port` as two values."""
    host, _, port = text.rpartition(":")
    return host, int(port)
