"""Puts a node together: the only place where its parts are wired."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

from twelve333.adapters import hosting, runner
from twelve333.adapters.clock import system_clock
from twelve333.adapters.relay import Relay
from twelve333.adapters.rpc.credentials import channel_credentials, server_credentials
from twelve333.adapters.rpc.health import Health
from twelve333.adapters.rpc.peers import Peers
from twelve333.adapters.rpc.server import Listener, Register
from twelve333.adapters.rpc.tracing import trace_interceptors
from twelve333.adapters.runner import Background
from twelve333.adapters.signing.files import read_file
from twelve333.adapters.sql.delivery import Appliers
from twelve333.api.cases.v1 import service_pb2_grpc as cases_grpc
from twelve333.api.registration.v1 import service_pb2_grpc as registration_grpc
from twelve333.core.identity import FEDERATION_DOMAIN, local_domain
from twelve333.core.ids import HUB

from .access import DESK, FEDERATION
from .context import NodeContext
from .directory import DirectoryReplica
from .handlers.cases import CaseHandlers, take_told_step
from .handlers.registration import DirectoryPull, NodeHandlers, on_directory_changed
from .settings import NodeSettings
from .store import delivery_of

SERVICE = "province_node"


async def serve(settings: NodeSettings) -> None:
    """Run the node until it is told to stop."""
    await runner.run(partial(assemble, settings))


async def assemble(settings: NodeSettings, stack: AsyncExitStack) -> None:
    """Start everything; the stack knows how to stop it.

    Raises:
        Refused: keys, database or addresses are not as they must be.
    """
    await hosting.start_telemetry(stack, SERVICE, settings.province, settings)
    federation_tls = server_credentials(hosting.federation_folder(settings))
    desk_tls = server_credentials(settings.pki_directory / "desk")
    node = await _context(settings, stack)
    health = Health("database", "directory")
    pull = DirectoryPull(node)
    pulling = Background("directory", pull.step, settings.hub.sync_seconds)
    relay = await hosting.start_relay(stack, settings, node.database, delivery_of(node.province), appliers(node, pulling), node.clock)
    federation = Listener(settings.listen.federation, federation_tls, FEDERATION_DOMAIN, locale=settings.locale)
    await hosting.start_listener(stack, federation, [*peer_services(node), health.register], FEDERATION, settings.drain_seconds)
    desk = Listener(settings.listen.desk, desk_tls, local_domain(node.province), locale=settings.locale)
    await hosting.start_listener(stack, desk, [*desk_services(node, relay, pull), health.register], DESK, settings.drain_seconds)
    await hosting.start_health(stack, settings.listen.health, health, node.database)
    await hosting.start_background(stack, pulling)
    await hosting.start_background(stack, Background("readiness", partial(_report_directory, node, health), 1.0))


async def _context(settings: NodeSettings, stack: AsyncExitStack) -> NodeContext:
    database = await hosting.start_database(stack, SERVICE, settings)
    document_key = bytes.fromhex(read_file(settings.pki_directory / "documents.pub").decode().strip())
    directory = DirectoryReplica(document_key)
    await directory.load(database)

    def endpoint_of(member: str) -> str | None:
        return settings.hub.endpoint if member == HUB else directory.endpoint_of(member)

    peers = Peers(endpoint_of, channel_credentials(hosting.federation_folder(settings)), trace_interceptors())
    stack.push_async_callback(peers.close)
    outbox = delivery_of(settings.province).outbox
    return NodeContext(settings, database, outbox, system_clock, directory, peers, document_key)


def peer_services(node: NodeContext) -> Sequence[Register]:
    """What hub and other nodes are offered."""
    return []


def desk_services(node: NodeContext, relay: Relay, pull: DirectoryPull) -> Sequence[Register]:
    """What the province's own desktops and operators are offered."""
    handlers = NodeHandlers(node, lambda: relay.connected, lambda: pull.hub_seen_at)
    return [
        partial(registration_grpc.add_NodeServiceServicer_to_server, handlers),
        partial(cases_grpc.add_CaseServiceServicer_to_server, CaseHandlers(node)),
    ]


def appliers(node: NodeContext, pulling: Background) -> Appliers:
    """What to do with each event that others tell this node."""
    return {
        "twelve333.api.registration.v1.DirectoryChanged": on_directory_changed(pulling.wake),
        "twelve333.api.cases.v1.CaseStepTaken": take_told_step,
    }


async def _report_directory(node: NodeContext, health: Health) -> None:
    """A node without a directory cannot route, so it is not ready; with one, it works hub or no hub."""
    await health.set("directory", node.directory.version > 0)
