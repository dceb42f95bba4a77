"""What a hub needs of memory with one member, and with all 32 of them: enrolled, a gRPC connection and a session at the broker each.

The hub is a real process. The members live in this one: each has enrolled with a token of its own, asks the hub over its own connection,
and takes what it is told from the broker into a database of its own, with receipts. The peer is a bare server with as many connections.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import grpc

from province_node.join import Asked, ask
from twelve333.adapters.audit import HEAD
from twelve333.adapters.bus.nats import NatsBus, NatsSettings
from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.clock import system_clock
from twelve333.adapters.processes import free_ports
from twelve333.adapters.relay import Relay
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.adapters.signing.keys import key_and_request, write_material
from twelve333.adapters.signing.pinning import fetch_root
from twelve333.adapters.sql import open_database
from twelve333.adapters.sql.delivery import Delivery
from twelve333.api.registration.v1 import events_pb2, service_pb2, service_pb2_grpc
from twelve333.api.routing.v1 import routing_pb2
from twelve333.api.routing.v1 import service_pb2 as routing
from twelve333.cli.demo.federation import Federation
from twelve333.client import Connection
from twelve333.data import provinces

from .echo import asker, echo_server
from .figure import MEBIBYTES, Figure, Measured, figure, middle
from .measure import Failed
from .receiver import metadata, tables

PEER: Final = "bare gRPC server, as many connections"
SECONDS: Final = 20.0
CALLS: Final = 5  # of each member before memory is read
READINGS: Final = 5
PAUSE_SECONDS: Final = 0.5
MEMBERS: Final = tuple(sorted(provinces()))


async def crowd() -> list[Figure]:
    """`hub.members_1_memory`, `hub.members_32_memory`, and what one more member costs: `hub.member_memory`."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twelve333-bench-")))
        environment = {"TWELVE333_LOGGING__LEVEL": "warning", "TWELVE333_AUDIT__HEAD_SECONDS": "1"}
        federation = Federation(folder, lambda *_args, **_params: None, environment)
        stack.push_async_callback(federation.stop)
        await federation.start_hub()
        hub = await stack.enter_async_context(federation.hub.connect())
        bare = await stack.enter_async_context(echo_server(folder / "echo", {"ExplainRoute": routing_pb2.Route()}))
        ours, theirs = list[Measured](), list[Measured]()
        for joining in (MEMBERS[:1], MEMBERS[1:]):
            for province in joining:
                await _come(federation, hub, province, stack)
                channel = await stack.enter_async_context(bare.dial())
                await asker(channel, "ExplainRoute")(routing.ExplainRouteRequest(), timeout=SECONDS)
            await _all_told(hub)
            ours.append(await _memory(federation.hub.process.pid))
            theirs.append(await _memory(bare.process.pid))
        more = [_each(side) for side in (ours, theirs)]
        return [
            figure("hub.members_1_memory", MEBIBYTES, ours[0], PEER, theirs[0]),
            figure("hub.members_32_memory", MEBIBYTES, ours[1], PEER, theirs[1]),
            figure("hub.member_memory", MEBIBYTES, more[0], PEER, more[1]),
        ]


async def _come(federation: Federation, hub: Connection, province: str, stack: AsyncExitStack) -> None:
    """Enrol, connect to hub and broker, and ask a few times."""
    folder = federation.folder / province
    answer = await enrol(federation, hub, province)
    await _listen(folder, province, answer.broker_urls, stack)
    channel = grpc.aio.secure_channel(answer.hub_endpoint, channel_credentials(folder), options=channel_options("hub"))
    stub = service_pb2_grpc.RegistrationServiceStub(await stack.enter_async_context(channel))
    for _ in range(CALLS):
        await stub.ListMembers(service_pb2.ListMembersRequest(), timeout=SECONDS)
        await stub.GetDirectory(service_pb2.GetDirectoryRequest(), timeout=SECONDS)


async def enrol(federation: Federation, hub: Connection, province: str) -> service_pb2.JoinResponse:
    """Enrol a member with a token of its own; its keys are in its folder then."""
    folder = federation.folder / province
    token = await hub.registration.create_token(province)
    root = await asyncio.to_thread(fetch_root, token.enrolment_endpoint, token.authority_pin, datetime.now(UTC))
    asked = Asked(token.enrolment_endpoint, root, province, f"127.0.0.1:{free_ports(1)[0]}")
    answer = await ask(asked, token.secret, key_and_request(folder))
    write_material(folder, answer.certificate_chain.encode(), root)
    return answer


async def _listen(folder: Path, province: str, urls: Sequence[str], stack: AsyncExitStack) -> None:
    """Take what the hub tells, and confirm it."""
    database, delivery = open_database(f"sqlite:///{folder / 'member.db'}"), Delivery(tables, province)
    stack.push_async_callback(database.close)
    await database.write(metadata.create_all)
    await database.write(lambda tx: delivery.outbox.begin_epoch(tx, system_clock()))
    appliers = dict.fromkeys((events_pb2.DirectoryChanged.DESCRIPTOR.full_name, HEAD), lambda *_told: None)
    relay = Relay(database, delivery, NatsBus(NatsSettings(urls, province, member_tls(folder))), appliers)
    await relay.start()
    stack.push_async_callback(relay.stop)


async def _all_told(hub: Connection) -> None:
    """Wait until every member has confirmed all that the hub told it, so that all are really connected."""
    try:
        async with asyncio.timeout(SECONDS):
            while any(line.queued for line in (await hub.delivery.status()).outbox):  # noqa: ASYNC110 - another process has no event to wait for
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise Failed("a member did not confirm what the hub told it") from error


async def _memory(pid: int | None) -> Measured:
    """What a process has to itself and its share of what it has in common (PSS), a few times in a row."""
    samples = list[float]()
    for _ in range(READINGS):
        text = await asyncio.to_thread(Path(f"/proc/{pid}/smaps_rollup").read_text)
        samples.append(next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024)
        await asyncio.sleep(PAUSE_SECONDS)
    return middle(samples)


def _each(side: Sequence[Measured]) -> Measured:
    """What each member after the first added."""
    one, all_of_them = side
    return middle([(after - one.value) / (len(MEMBERS) - 1) for after in all_of_them.samples])
