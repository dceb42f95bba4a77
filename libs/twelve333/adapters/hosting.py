"""What every service does to start: each function starts one part and pushes onto the stack how to stop it.

The order in an assembly is therefore the order of the start, and its reverse the order of the end: listeners drain first, then the
relay hands over what is ready, then the database closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from opentelemetry import metrics

from ..core.decision import Refused
from ..core.ids import HUB
from ..data import provinces
from .bus.guarded import GuardedBus
from .bus.nats import NatsBus, NatsSettings
from .bus.sealed import SealedBus, Sealing
from .bus.signed import SignedBus, Signing
from .bus.tls import member_tls
from .clock import Clock
from .copies import Copies
from .relay import GrpcDirect, Relay
from .relay.fenced import FencedBus, FencedDirect
from .rpc.access import AccessTable
from .rpc.gate import Limits
from .rpc.health import PROBE_ROWS, Health
from .rpc.limits import quotas_of
from .rpc.revocations import Revocations
from .rpc.server import Listener, Register, RpcServer, build_server
from .runner import Background
from .settings import ServiceSettings
from .signing.fields import open_cipher
from .signing.statements import Signer, Verifier
from .sql.database import Database, open_database
from .sql.delivery import Appliers, Delivery
from .sql.migrate import check_current, check_sound
from .sql.occupied import occupied
from .telemetry.logs import configure
from .telemetry.setup import connect

DATABASE_CHECK_SECONDS = 2.0
COPY_CHECK_SECONDS = 0.5
_backlog = metrics.get_meter("twelve333.delivery").create_gauge(
    "twelve333.delivery.backlog_share", description="events of work that wait for a member, as a share of the limit"
)


async def start_telemetry(stack: AsyncExitStack, service: str, member: str, settings: ServiceSettings) -> None:
    """Set up logs, and the exporters that the settings name."""
    configure(settings.logging, service, member)
    pipeline = connect(service, member, settings.telemetry)
    stack.push_async_callback(asyncio.to_thread, pipeline.shutdown)


async def start_database(stack: AsyncExitStack, service: str, settings: ServiceSettings) -> Database:
    """Open the database, if it is whole and at the revision that this program needs.

    Raises:
        Refused: DELIVERY_STORE_DAMAGED: it must be restored first; DELIVERY_SCHEMA_*: migrated, by command; SECURITY_FILE_*,
            SECURITY_FIELD_SUITE: so must its keyring.
    """
    refusal = await asyncio.to_thread(check_current, service, settings.database_url)
    refusal = refusal or await asyncio.to_thread(check_sound, settings.database_url)
    if refusal:
        raise Refused(refusal)
    stack.enter_context(occupied(settings.database_url))
    database = open_database(settings.database_url, open_cipher(settings.fields_keyring, settings.cipher))
    stack.push_async_callback(database.close)
    return database


async def start_relay(
    stack: AsyncExitStack,
    settings: ServiceSettings,
    database: Database,
    delivery: Delivery,
    appliers: Appliers,
    clock: Clock,
    direct: GrpcDirect,
    sealing: Sealing,
    signing: Signing,
    copies: Copies,
    administers: Sequence[str] = (),
    excluded: Callable[[str], bool] = lambda _member: False,
    listening: Callable[[NatsBus], None] = lambda _bus: None,
    known: Sequence[str] = (),
) -> Relay:
    """Start both directions of delivery, signed and sealed, without revoked members, and silent unless this copy is the member.

    A broker that is away keeps nobody from starting, and is gone around.

    Args:
        listening: what else is to be told and heard over the same session, given before it begins.
        known: members beside hub and provinces.
    """
    tls = member_tls(federation_folder(settings))
    nats = NatsBus(NatsSettings(settings.broker.urls, delivery.member, tls, administers))
    listening(nats)
    bus = GuardedBus(nats, excluded)
    await start_background(stack, copies.keeping)
    fenced = FencedBus(SealedBus(SignedBus(bus, signing), sealing), delivery.standing, copies.ready)
    around = FencedDirect(direct, copies.ready, copies.superseded)
    relay = Relay(database, delivery, fenced, appliers, clock, direct=around, everybody=sorted({HUB, *provinces(), *administers, *known}))
    await relay.start()
    stack.push_async_callback(relay.stop)
    return relay


def signing_of(settings: ServiceSettings, revocations: Revocations, signs: Callable[[str], bool], clock: Clock) -> Signing:
    """How what goes over the broker is signed and checked.

    Args:
        revocations: the keys that count no more.
        signs: whether a member has told that it signs; nothing unsigned is taken from it then.
    """
    folder = federation_folder(settings)
    required = settings.broker.signatures_required
    return Signing(Signer(folder), Verifier(folder, revocations.revoked, clock), lambda member: required or signs(member))


async def start_listener(
    stack: AsyncExitStack, listener: Listener, register: Sequence[Register], table: AccessTable, drain_seconds: float
) -> RpcServer:
    """Bind and serve one listener.

    Raises:
        Refused: RPC_ADDRESS_IN_USE.
    """
    server = build_server(listener, register, table)
    await server.start()
    stack.push_async_callback(server.stop, drain_seconds)
    return server


async def start_health(stack: AsyncExitStack, address: str, health: Health, database: Database, delivery: Delivery) -> None:
    """Serve health for probes, and keep its checks true: `database` while it takes writes, `copy` while this copy may take new work.

    How full the backlogs are is measured on the way.
    """
    await start_listener(stack, Listener(address, None, None), [health.register], PROBE_ROWS, 0)
    await health.start()

    async def check() -> None:
        try:
            await database.write(delivery.touch)
        except Refused:
            await health.set("database", False)
            raise
        await health.set("database", True)
        for destination, share in (await database.read(delivery.backlog)).items():
            _backlog.set(share, {"destination": destination})

    async def check_copy() -> None:
        await health.set("copy", delivery.standing.copy.works)

    await start_background(stack, Background("health", check, DATABASE_CHECK_SECONDS))
    await start_background(stack, Background("copy", check_copy, COPY_CHECK_SECONDS))
    stack.push_async_callback(health.stop)


async def start_background(stack: AsyncExitStack, background: Background) -> None:
    """Start work that is repeated for ever."""
    background.start()
    stack.push_async_callback(background.stop)


def limits_of(settings: ServiceSettings) -> Limits:
    """What each listener of a service bears, and grants each caller."""
    return Limits(quotas=quotas_of(settings.limits))


def federation_folder(settings: ServiceSettings) -> Path:
    """The folder of the certificate with which a service meets the federation."""
    return settings.pki_directory / "federation"
