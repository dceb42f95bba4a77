"""What a handoff from node to node cannot do without, and nothing else: the least that two nodes in Python could cost here.

The desktop's call over mutual TLS, an offer to the other node within it, the context fetched back beside it, and what must be durable
before each answer: at the origin before it offers and after, at the acceptor before it accepts. Commits that come together are made
together. No gate, decision, seat, signature, encryption, event to the hub, log or trace. Each node is a process of its own
(`python -m benchmarks.bare_node FOLDER PORT OTHER_PORT`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import grpc
from google.protobuf.message import Message

from twelve333.adapters.processes import Process, accepts_connections, free_ports
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options, server_credentials
from twelve333.api.routing.v1 import routing_pb2, service_pb2

from .echo import SERVICE, Ask, asker, certified
from .measure import Gathering
from .stores import bare_sqlite, commit_on_thread

PEER: Final = "bare calls and commits of a handoff"
GROUP: Final = 64  # handoffs a commit at most
START_SECONDS: Final = 20.0


@asynccontextmanager
async def bare_nodes(folder: Path, answer: Message) -> AsyncIterator[Ask]:
    """Run two; what hands a call on at the first.

    Args:
        folder: for their certificate, databases and logs.
        answer: to every call, offer and fetch.
    """
    pki, ports = certified(folder), free_ports(2)
    (folder / "answer").write_bytes(answer.SerializeToString())
    async with AsyncExitStack() as stack:
        for one, other in (ports, ports[::-1]):
            command = [sys.executable, "-m", "benchmarks.bare_node", str(folder), str(one), str(other)]
            node = await stack.enter_async_context(Process(f"bare {one}", command, log=folder / f"{one}.log"))
            await node.start(accepts_connections("127.0.0.1", one), within_seconds=START_SECONDS)
        yield asker(await stack.enter_async_context(_dial(pki, ports[0])), "PlaceHandoff")


class BareNode:
    """One of the two.

    Args:
        answer: to everything.
        other: the way to the other.
        commits: the commits of its database.
    """

    def __init__(self, answer: routing_pb2.Handoff, other: grpc.aio.Channel, commits: Gathering) -> None:
        self._answer, self._commits = answer, commits
        self._offer, self._fetch = _to(other, "Offer"), _to(other, "Fetch")

    async def place(self, request: service_pb2.PlaceHandoffRequest, context: object) -> routing_pb2.Handoff:
        """A desktop hands a call on."""
        await self._commits.one()
        answer: routing_pb2.Handoff = await self._offer(request)
        await self._commits.one()
        return answer

    async def offer(self, request: service_pb2.PlaceHandoffRequest, context: object) -> routing_pb2.Handoff:
        """The other node offers it; the context is fetched beside."""
        fetched = asyncio.ensure_future(self._fetch(request))
        await self._commits.one()
        fetched.add_done_callback(lambda done: done.exception())
        return self._answer

    async def fetch(self, request: service_pb2.PlaceHandoffRequest, context: object) -> routing_pb2.Handoff:
        """The other node wants the context."""
        return self._answer


async def serve(folder: Path, port: int, other: int) -> None:
    """Serve until the process is ended."""
    answer, pki = routing_pb2.Handoff.FromString((folder / "answer").read_bytes()), folder / "pki"
    with bare_sqlite(folder / f"{port}.db") as connection:
        commits = Gathering(partial(commit_on_thread, connection, asyncio.Lock(), answer.SerializeToString()), GROUP, 1)
        node = BareNode(answer, _dial(pki, other), commits)
        server = grpc.aio.server()
        methods = {"PlaceHandoff": node.place, "Offer": node.offer, "Fetch": node.fetch}
        shape = service_pb2.PlaceHandoffRequest.FromString, routing_pb2.Handoff.SerializeToString
        handlers = {name: grpc.unary_unary_rpc_method_handler(method, *shape) for name, method in methods.items()}
        server.add_registered_method_handlers(SERVICE, handlers)
        server.add_secure_port(f"127.0.0.1:{port}", server_credentials(pki))
        await server.start()
        await server.wait_for_termination()


def _dial(pki: Path, port: int) -> grpc.aio.Channel:
    return grpc.aio.secure_channel(f"127.0.0.1:{port}", channel_credentials(pki), options=channel_options("hub"))


def _to(channel: grpc.aio.Channel, method: str) -> Ask:
    request, answer = service_pb2.PlaceHandoffRequest.SerializeToString, routing_pb2.Handoff.FromString
    return channel.unary_unary(f"/{SERVICE}/{method}", request_serializer=request, response_deserializer=answer)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
