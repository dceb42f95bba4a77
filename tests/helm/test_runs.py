"""What the charts render really starts: the same settings, commands, key files and probes, as processes on loopback.

Only addresses, paths and the database differ, overridden from the environment as an operator would.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import helm_python as helm
import pytest
import yaml
from grpc_health.v1 import health_pb2, health_pb2_grpc

from twelve333.adapters.processes import Process, free_ports
from twelve333.client.connection import Connection, Credentials, read_profile

HELM = Path(__file__).resolve().parents[2] / "helm"
COMMAND_SECONDS = 40.0
READY_SECONDS = 40.0


@dataclass
class Pod:
    """A chart as a process: its settings file, its environment, its commands, its probe."""

    manifests: list[dict[str, Any]]
    folder: Path
    ports: dict[str, int]

    @property
    def spec(self) -> dict[str, Any]:
        workload = next(each for each in self.manifests if each["kind"] == "StatefulSet")
        return dict(workload["spec"]["template"]["spec"])

    def mount(self, secrets: dict[str, dict[str, Path]]) -> None:
        """Lay settings and keys out as the kubelet would."""
        for settings in (each for each in self.manifests if each["kind"] == "ConfigMap"):
            for name, text in settings["data"].items():
                (self.folder / name).write_text(text, encoding="utf-8")
        projected = next(volume["projected"] for volume in self.spec["volumes"] if volume["name"] == "pki")
        for source in projected["sources"]:
            held = secrets[source["secret"]["name"]]
            for item in source["secret"]["items"]:
                if source["secret"].get("optional") and item["key"] not in held:
                    continue
                path = self.folder / "pki" / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(held[item["key"]].read_bytes())
                path.chmod(projected["defaultMode"])

    def environment(self) -> dict[str, str]:
        listeners = {f"TWELVE333_LISTEN__{name.upper()}": f"127.0.0.1:{port}" for name, port in self.ports.items() if name != "metrics"}
        return {
            **os.environ,
            **listeners,
            "TWELVE333_TELEMETRY__PROMETHEUS": f"127.0.0.1:{self.ports['metrics']}",
            "TWELVE333_DATABASE__URL": f"sqlite:///{self.folder / 'member.db'}",
            "TWELVE333_PKI": str(self.folder / "pki"),
        }

    def command(self, container: dict[str, Any]) -> list[str]:
        _, service, verb, option, config = container["command"]
        return [sys.executable, "-m", "twelve333.cli", service, verb, option, str(self.folder / Path(config).name)]

    async def probe(self) -> bool:
        """Ask as each of the kubelet's probes does."""
        container = self.spec["containers"][0]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{container['readinessProbe']['grpc']['port']}") as channel:
            for name in ("livenessProbe", "readinessProbe"):
                request = health_pb2.HealthCheckRequest(service=container[name]["grpc"].get("service", ""))
                try:
                    answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=1)
                except grpc.aio.AioRpcError:
                    return False
                if answer.status != health_pb2.HealthCheckResponse.SERVING:
                    return False
        return True

    async def start(self) -> Process:
        for step in self.spec["initContainers"]:
            await run(self.command(step), self.environment())
        process = Process("pod", self.command(self.spec["containers"][0]), self.folder / "log", env=self.environment())
        await process.start(self.probe, within_seconds=READY_SECONDS)
        return process


def render(chart: str, example: str, folder: Path, third: str, values: dict[str, Any]) -> Pod:
    """The chart with one of the examples, on free ports, on SQLite."""
    folder.mkdir()
    ports = dict(zip(("federation", third, "health", "metrics"), free_ports(4), strict=True))
    given = yaml.safe_load((HELM / "examples" / example).read_text(encoding="utf-8"))
    loopback = {
        "database": {"kind": "sqlite"},
        "broker": {"urls": ["tls://127.0.0.1:9"]},
        "telemetry": {"exporter": "none"},
        "listen": ports,
        "advertise": {name: f"127.0.0.1:{ports[name]}" for name in given["advertise"]},
    }
    with helm.Chart.load(str(HELM / chart)) as loaded:
        texts = loaded.render({**given, **loopback, **values}, name="t333", namespace="hotline")
    manifests = [each for path, text in texts.items() if path.endswith(".yaml") for each in yaml.safe_load_all(text) if each]
    return Pod(manifests, folder, ports)


async def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    child = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            told, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
    assert child.returncode == 0, told.decode()


def cli(*words: object) -> list[str]:
    return [sys.executable, "-m", "twelve333.cli", *map(str, words)]


def pair(folder: Path) -> dict[str, Path]:
    return {name: folder / name for name in ("tls.crt", "tls.key", "ca.crt")}


def hub_secrets(pki: Path) -> dict[str, dict[str, Path]]:
    issuing, root = pki / "authority" / "issuing", pki / "authority" / "root"
    return {
        "hub-federation": pair(pki / "federation"),
        "hub-enrolment": pair(pki / "enrolment"),
        "hub-documents": {name: pki / name for name in ("documents.key", "fields.keys")},
        "hub-authority": {"tls.crt": issuing / "ca.crt", "tls.key": issuing / "ca.key", "ca.crt": root / "ca.crt"},
    }


def node_secrets(pki: Path) -> dict[str, dict[str, Path]]:
    return {
        "node-federation": pair(pki / "federation"),
        "node-desk": pair(pki / "desk"),
        "node-documents": {name: pki / name for name in ("documents.pub", "fields.keys")},
    }


@pytest.mark.timeout(200)
async def test_hub_and_node_run_as_their_charts_say(tmp_path: Path) -> None:
    made = tmp_path / "hub-made"
    hub_pod = render("national-hub", "hub-postgresql.yaml", tmp_path / "hub", "enrolment", {})
    ports = hub_pod.ports
    await run(cli("hub", "init", "--directory", made, "--federation-port", ports["federation"], "--enrolment-port", ports["enrolment"]))
    hub_pod.mount(hub_secrets(made / "pki"))
    async with await hub_pod.start():
        operator = made / "profiles" / "operator"
        address, member = read_profile(operator)
        async with Connection.open(address, member, Credentials.from_directory(operator)) as connection:
            token = await connection.registration.create_token("350000")
        secret = tmp_path / "token"
        secret.write_text(token.secret, encoding="utf-8")
        secret.chmod(0o600)
        node_pod = render("province-node", "node-350000.yaml", tmp_path / "node", "desk", {"hub": {"endpoint": address}})
        joined = tmp_path / "node-made"
        where = ["--directory", joined, "--federation-port", node_pod.ports["federation"], "--desk-port", node_pod.ports["desk"]]
        where += ["--page-port", 0]
        offer = ["--province", "350000", "--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--token-file", secret]
        offer += ["--skip-preflight", "broker"]  # there is none here
        await run(cli("node", "join", *offer, *where))
        node_pod.mount(node_secrets(joined / "pki"))
        async with await node_pod.start():
            # Its own file was empty: ready means that it fetched and verified the directory from the hub.
            assert await node_pod.probe()
