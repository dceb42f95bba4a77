"""The peer of everything that travels over gRPC: a bare server over mutual TLS that parses the request and answers with a fixed message.

No gate, no access table, no tracing, no database: what a call costs on this machine before it does anything. It runs in a process of
its own (`python -m benchmarks.echo FOLDER PORT`), and its answers have the shape of real ones (`<Method>.answer` in its folder).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf.message import Message

from twelve333.adapters.processes import Process, accepts_connections, free_ports
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options, server_credentials
from twelve333.adapters.signing.authority import create_authority
from twelve333.adapters.signing.keys import key_and_request, write_material
from twelve333.api.routing.v1 import routing_pb2, service_pb2
from twelve333.core.identity import dns_name, hub_identity

SERVICE: Final = "twelve333.benchmarks.Echo"
PEER: Final = "bare gRPC echo"
SHAPES: Final[Mapping[str, tuple[type[Message], type[Message]]]] = {
    "ExplainRoute": (service_pb2.ExplainRouteRequest, routing_pb2.Route),
    "PlaceHandoff": (service_pb2.PlaceHandoffRequest, routing_pb2.Handoff),
}
Ask = Callable[..., Any]


@asynccontextmanager
async def echo(folder: Path, answers: Mapping[str, Message]) -> AsyncIterator[Mapping[str, Ask]]:
    """Run the server in its own process; for each method what asks it.

    Args:
        folder: for its certificate and answers.
        answers: by method of `SHAPES`.
    """
    async with echo_server(folder, answers) as server, server.dial() as channel:
        yield {method: asker(channel, method) for method in answers}


@dataclass(frozen=True, slots=True)
class EchoServer:
    """A running server.

    Args:
        address: `host:port`.
        pki: folder with which anybody may call it.
        process: for its memory.
    """

    address: str
    pki: Path
    process: Process

    def dial(self) -> grpc.aio.Channel:
        """A channel with a connection of its own."""
        options = [*channel_options("hub"), ("grpc.use_local_subchannel_pool", 1)]
        return grpc.aio.secure_channel(self.address, channel_credentials(self.pki), options=options)


@asynccontextmanager
async def echo_server(folder: Path, answers: Mapping[str, Message]) -> AsyncIterator[EchoServer]:
    """Run the server in its own process; arguments as of `echo`."""
    pki = certified(folder)
    for method, answer in answers.items():
        (folder / f"{method}.answer").write_bytes(answer.SerializeToString())
    port = free_ports(1)[0]
    process = Process("echo", [sys.executable, "-m", "benchmarks.echo", str(folder), str(port)], log=folder / "echo.log")
    await process.start(accepts_connections("127.0.0.1", port), within_seconds=20)
    async with process:
        yield EchoServer(f"127.0.0.1:{port}", pki, process)


def certified(folder: Path) -> Path:
    """Certificate and key for a server and for whoever calls it; their folder."""
    pki = folder / "pki"
    issued = create_authority(folder / "authority", "echo", datetime.now(UTC)).issue(
        key_and_request(pki), hub_identity(), [dns_name("hub"), "localhost"], timedelta(days=1), datetime.now(UTC)
    )
    write_material(pki, issued.chain, issued.root)
    return pki


def asker(channel: grpc.aio.Channel, method: str) -> Ask:
    """What asks `method`."""
    asked, answered = SHAPES[method]
    return channel.unary_unary(
        f"/{SERVICE}/{method}", request_serializer=asked.SerializeToString, response_deserializer=answered.FromString
    )


async def serve(folder: Path, port: int) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    handlers = {method: _handler(folder / f"{method}.answer", *shape) for method, shape in SHAPES.items()}
    server.add_registered_method_handlers(SERVICE, handlers)
    server.add_secure_port(f"127.0.0.1:{port}", server_credentials(folder / "pki"))
    await server.start()
    await server.wait_for_termination()


def _handler(path: Path, asked: type[Message], answered: type[Message]) -> grpc.RpcMethodHandler[Any, Any]:
    answer = answered.FromString(path.read_bytes() if path.exists() else b"")

    async def reply(request: Message, context: object) -> Message:
        return answer

    return grpc.unary_unary_rpc_method_handler(reply, request_deserializer=asked.FromString, response_serializer=answered.SerializeToString)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
