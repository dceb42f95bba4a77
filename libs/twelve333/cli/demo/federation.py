"""The processes of the demo: made ready with the same commands that an operator types, started, stopped, started again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from ...adapters.local_broker import LocalBroker
from ...adapters.processes import Process, free_ports
from ...client.connection import Connection
from ...core.decision import Code, Kind, Refused, refuse
from ...data import provinces

COMMAND_SECONDS = 60.0
READY_SECONDS = 90.0
STEP_FAILED = Code("DEMO_STEP_FAILED", Kind.UNAVAILABLE)
HOST = "127.0.0.1"
DATABASE = "TWELVE333_DATABASE__URL"
NATS_SERVER = "TWELVE333_NATS_SERVER"  # names the program, if it is not the one on PATH
Told = Callable[..., None]


@dataclass
class Member:
    """A service of the demo: its folder, where it is healthy, its process, and how to talk to it."""

    name: str
    folder: Path
    health: str
    process: Process
    profile: Path

    async def ready(self) -> bool:
        """Whether its health service says that it serves."""
        async with grpc.aio.insecure_channel(self.health) as channel:
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="ready"), timeout=1)
            except grpc.aio.AioRpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def connect(self, profile: Path | None = None) -> Connection:
        """A connection with one of its profiles, its operator's if none is named."""
        return Connection.open_profile(profile or self.profile)


@dataclass
class Federation:
    """Everything that runs: broker, hub, nodes.

    Args:
        folder: where data, settings and logs go.
        told: is told each step, as a key of the catalogue and its parameters.
        environment: settings of all services beyond their files, such as TWELVE333_TELEMETRY__EXPORTER.
        databases: URLs of the members that are not to use SQLite; like every secret they reach a service by its environment.
        settings: settings of single members beyond their files, by their names in the environment.
        suites: of cryptography, for members that are to use another than the usual one.
    """

    folder: Path
    told: Told
    environment: Mapping[str, str] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    suites: Mapping[str, str] = field(default_factory=dict)
    nodes: dict[str, Member] = field(default_factory=dict)
    _hub: Member | None = None
    _broker: LocalBroker | None = None

    @property
    def hub(self) -> Member:
        """The hub, once it is started."""
        assert self._hub is not None  # noqa: S101 - a step before `start_hub` would be a bug
        return self._hub

    @property
    def broker(self) -> LocalBroker:
        """The broker, once it is started."""
        assert self._broker is not None  # noqa: S101 - a step before `start_hub` would be a bug
        return self._broker

    async def start_hub(self) -> None:
        """Make and start the hub and its broker."""
        federation, enrolment, health, broker = free_ports(4)
        folder, profile = self.folder / "hub", self.folder / "hub" / "profiles" / "operator"
        ports = ["--federation-port", federation, "--enrolment-port", enrolment, "--health-port", health, "--broker-port", broker]
        self.told("DEMO_HUB_INIT")
        await self.command("hub", "init", "--directory", folder, "--host", HOST, *ports, *self._suite("hub"))
        config = folder / "hub.toml"
        await self.command("hub", "migrate", "--config", config, member="hub")
        binary = os.environ.get(NATS_SERVER)
        broker_log, settings = self.folder / "logs" / "broker.log", folder / "broker" / "nats-server.conf"
        self._broker = LocalBroker(settings, broker_log, port=broker, binary=Path(binary) if binary else None)
        self._hub = Member("hub", folder, f"{HOST}:{health}", self._process("hub", config), profile)
        self.told("DEMO_HUB_START")
        await self._broker.start()
        await self._start(self._hub)

    async def add_nodes(self, codes: Sequence[str]) -> None:
        """Enrol and start a node for each province, all at the same time; the first that fails ends the others."""
        try:
            async with self.hub.connect() as hub, asyncio.TaskGroup() as group:
                for province, ports in zip(codes, _threes(free_ports(3 * len(codes))), strict=True):
                    group.create_task(self._add_node(hub, province, ports))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def stop_hub_and_broker(self) -> None:
        """Take both away, as an outage of the ministry's data centre would."""
        await self.hub.process.stop()
        if self._broker:
            await self._broker.stop()

    async def restart_hub_and_broker(self) -> None:
        """Bring both back."""
        if self._broker:
            await self._broker.start()
        await self._start(self.hub)

    async def stop(self) -> None:
        """Stop exactly what was started: nodes, hub, broker."""
        running = [*self.nodes.values(), *([self._hub] if self._hub else [])]
        await asyncio.gather(*(member.process.stop() for member in running))
        if self._broker:
            await self._broker.stop()

    async def command(self, *words: object, member: str = "") -> None:
        """Run one `twelve333` command as an operator would type it, on the machine of `member` if one is named.

        Raises:
            Refused: it failed; the sentence is its own.
        """
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "twelve333.cli", *map(str, words), env=self._surroundings(member),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with AsyncExitStack() as stack:
            stack.callback(lambda: child.kill() if child.returncode is None else None)
            async with asyncio.timeout(COMMAND_SECONDS):
                _, complaint = await child.communicate()
        if child.returncode:
            lines = complaint.decode(errors="replace").strip().splitlines() or [""]
            raise Refused(refuse(STEP_FAILED, command=" ".join(map(str, words[:2])), reason=lines[-1]))

    async def _add_node(self, hub: Connection, province: str, ports: Sequence[int]) -> None:
        folder, token_file = self.folder / province, self.folder / "tokens" / province
        token = await hub.registration.create_token(province)
        token_file.parent.mkdir(mode=0o700, exist_ok=True)
        token_file.write_text(token.secret, encoding="utf-8")
        token_file.chmod(0o600)
        federation, desk, health = ports
        self.told("DEMO_NODE_JOINS", name=provinces()[province], province=province)
        where = ["--directory", folder, "--host", HOST, "--federation-port", federation, "--desk-port", desk, "--health-port", health]
        where += ["--page-port", 0]  # several nodes share this machine
        offer = ["--province", province, "--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--token-file", token_file]
        await self.command("node", "join", *offer, *where, *self._suite(province), member=province)
        node = Member(province, folder, f"{HOST}:{health}", self._process("node", folder / "node.toml"), folder / "profiles" / "operator")
        self.nodes[province] = node
        await self._start(node)
        self.told("DEMO_NODE_READY", name=provinces()[province], province=province)

    def _suite(self, member: str) -> Sequence[str]:
        return ("--suite", self.suites[member]) if member in self.suites else ()

    def _process(self, kind: str, config: Path) -> Process:
        name = config.parent.name
        command = (sys.executable, "-m", "twelve333.cli", kind, "run", "--config", config)
        return Process(name, command, self.folder / "logs" / f"{name}.log", env=self._surroundings(name))

    def _surroundings(self, member: str) -> dict[str, str]:
        url = self.databases.get(member)
        return {**os.environ, **self.environment, **({DATABASE: url} if url else {}), **self.settings.get(member, {})}

    @staticmethod
    async def _start(member: Member) -> None:
        await member.process.start(member.ready, within_seconds=READY_SECONDS)


def _threes(ports: Sequence[int]) -> list[Sequence[int]]:
    return [ports[start : start + 3] for start in range(0, len(ports), 3)]
