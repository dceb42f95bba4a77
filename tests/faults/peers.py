"""Peers that mean harm or talk nonsense: strangers, a province that lies, random bytes, tokens that were used, everything said twice."""

from __future__ import annotations

import asyncio
import random
import ssl
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import grpc
from nats.aio.client import Client
from nats.errors import Error as NatsError

from twelve333.adapters.bus.tls import member_tls
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.adapters.rpc.errors import told_by_peer
from twelve333.adapters.signing.authority import create_authority
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, key_and_request, write_material
from twelve333.api.delivery.v1 import peer_pb2, peer_pb2_grpc
from twelve333.api.delivery.v1.delivery_pb2 import Envelope
from twelve333.core.decision import Refused
from twelve333.core.delivery.model import Reason, Receipt
from twelve333.core.identity import node_identity
from twelve333.wire.envelope import encode_receipt
from twelve333.wire.subjects import event_subject, inbox_prefix, receipt_subject

from .crashes import JIANGSU, SHANGHAI
from .load import Load
from .proxy import HOST
from .run import Fault
from .stage import HUB, Stage, address

SEED: Final = 12333
TIMES: Final = 20
BIG_BYTES: Final = 10 * 1024 * 1024
REFUSED_SECONDS: Final = 10.0
UNKNOWN_FIELD: Final = b"\xfa\x7f\x05later"  # field 2047, of the length 5


@asynccontextmanager
async def random_bytes(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Noise at every port of every member and of the broker."""
    draw = random.Random(SEED)
    for port in _ports(stage):
        for _ in range(TIMES):
            with suppress(OSError):
                _, writer = await asyncio.open_connection(HOST, port)
                writer.write(draw.randbytes(draw.randint(1, 4096)))
                await writer.drain()
                writer.transport.abort()
    await load.accepts(4)
    yield


def _ports(stage: Stage) -> list[int]:
    files = [stage.member(name).folder / f"{'hub' if name == HUB else 'node'}.toml" for name in (HUB, *stage.provinces)]
    listen = [tomllib.loads(file.read_text())["listen"] for file in files]
    return [*{address(text)[1] for table in listen for text in table.values()}, next(iter(stage.to_broker.values())).port]


@asynccontextmanager
async def lying_province(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A real member speaks in another's name, of numbers far ahead, in nonsense and at length, straight to hub and node."""
    pki = stage.member(JIANGSU).folder / "pki" / "federation"
    for member, port in ((HUB, stage.to_hub[JIANGSU].port), (SHANGHAI, stage.to_node[SHANGHAI].port)):
        async with grpc.aio.secure_channel(f"{HOST}:{port}", channel_credentials(pki), options=_unbounded(member)) as channel:
            stub = peer_pb2_grpc.DeliveryPeerServiceStub(channel)
            for envelope in _lies(member):
                await _is_refused(stub, envelope)
            await _is_not_applied(stage, stub, member)
    await load.accepts(4)
    yield


def _lies(destination: str) -> list[Envelope]:
    now = datetime.now(UTC)
    honest = Envelope(
        origin=JIANGSU, destination=destination, epoch=1, sequence=1, event_id="e", capability="cases", type="twelve333.api.cases.v1.X"
    )
    honest.occurred_at.FromDatetime(now)
    lies = [Envelope() for _ in range(5)]
    for lie in lies:
        lie.CopyFrom(honest)
    lies[0].origin = "350000"
    lies[1].origin = HUB
    lies[2].destination = "350000"
    lies[3].type = "x" * 10_000
    lies[4].payload = bytes(BIG_BYTES)
    return lies


async def _is_not_applied(stage: Stage, stub: peer_pb2_grpc.DeliveryPeerServiceAsyncStub, member: str) -> None:
    """A number far ahead of what was told, with fields that nobody knows: asked for what lies between, or refused, and nothing more."""
    async with stage.member(member).connect() as receiver:
        known = next(line for line in (await receiver.delivery.status()).inbox if line.origin == JIANGSU)
        ahead = _lies(member)[0]
        ahead.origin, ahead.epoch, ahead.sequence = JIANGSU, known.epoch, known.watermark + 10**6
        strange = Envelope.FromString(ahead.SerializeToString() + UNKNOWN_FIELD)
        try:
            answer = await stub.DeliverEvents(peer_pb2.DeliverEventsRequest(envelopes=[strange]), timeout=REFUSED_SECONDS)
        except grpc.aio.AioRpcError as error:
            assert told_by_peer(error), f"not refused for a reason: {error.code()}"  # noqa: PT017 - it runs outside of pytest too
        else:
            assert answer.receipt.watermark < ahead.sequence, "what lies between was taken for told"
        after = next(line for line in (await receiver.delivery.status()).inbox if line.origin == JIANGSU)
        assert after.watermark < ahead.sequence and after.epoch == known.epoch


async def _is_refused(stub: peer_pb2_grpc.DeliveryPeerServiceAsyncStub, envelope: Envelope) -> None:
    try:
        answer = await stub.DeliverEvents(peer_pb2.DeliverEventsRequest(envelopes=[envelope]), timeout=REFUSED_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED):
            raise AssertionError(f"not refused in time, or not for a reason: {error.code()}") from error
        return
    raise AssertionError(f"taken although it lies: {answer}")


def _unbounded(member: str) -> list[tuple[str, object]]:
    return [*channel_options(member), ("grpc.max_send_message_length", -1)]


@asynccontextmanager
async def stranger(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A certificate in a member's name, signed by somebody else."""
    folder = _forged(stage)
    ports = {HUB: stage.to_hub[JIANGSU].port, SHANGHAI: stage.to_node[SHANGHAI].port}
    for member, port in ports.items():
        shown = grpc.ssl_channel_credentials(*((folder / name).read_bytes() for name in (ROOT_FILE, KEY_FILE, CHAIN_FILE)))
        async with grpc.aio.secure_channel(f"{HOST}:{port}", shown, options=channel_options(member)) as channel:
            await _is_refused(peer_pb2_grpc.DeliveryPeerServiceStub(channel), Envelope())
    try:
        await _broker_client(stage, folder)
    except (NatsError, OSError, ssl.SSLError):
        pass
    else:
        raise AssertionError("the broker let a stranger in")
    await load.accepts(4)
    yield


def _forged(stage: Stage) -> Path:
    now = datetime.now(UTC)
    authority = create_authority(stage.federation.folder / "stranger" / "authority", "stranger", now)
    folder = stage.federation.folder / "stranger" / JIANGSU
    issued = authority.issue(key_and_request(folder), node_identity(JIANGSU), ["localhost"], timedelta(days=1), now)
    write_material(folder, issued.chain, issued.root)
    (folder / ROOT_FILE).write_bytes((stage.member(JIANGSU).folder / "pki" / "federation" / ROOT_FILE).read_bytes())
    return folder


@asynccontextmanager
async def broker_noise(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A real member's session at the broker: nonsense for others, receipts ahead of time, words in another's name."""
    draw, client = random.Random(SEED), await _broker_client(stage, stage.member(JIANGSU).folder / "pki" / "federation")
    ahead = Receipt(JIANGSU, SHANGHAI, 1, 10**9, Reason.APPLIED)
    try:
        for _ in range(TIMES):
            for destination in (SHANGHAI, HUB):
                await client.publish(event_subject(JIANGSU, destination, "cases"), draw.randbytes(draw.randint(0, 2_000)))
                await client.publish(receipt_subject(JIANGSU, destination), draw.randbytes(draw.randint(0, 2_000)))
                await client.publish(event_subject(SHANGHAI, destination, "cases"), draw.randbytes(100))
            await client.publish(receipt_subject(JIANGSU, SHANGHAI), encode_receipt(ahead))
        await client.flush()
    finally:
        await client.close()
    await load.accepts(4)
    yield


async def _broker_client(stage: Stage, folder: Path) -> Client:
    client = Client()
    refused = list[Exception]()

    async def report(error: Exception) -> None:
        refused.append(error)

    await client.connect(
        f"tls://{HOST}:{stage.to_broker[JIANGSU].port}", tls=member_tls(folder)(), tls_hostname="broker.12333.internal",
        allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, inbox_prefix=inbox_prefix(JIANGSU), error_cb=report,
    )  # fmt: skip
    return client


@asynccontextmanager
async def tokens_misused(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A token that was used, one for another province, and one whose time is over."""
    async with stage.federation.hub.connect() as hub:
        fresh = await hub.registration.create_token("350000")
        ended = await hub.registration.create_token("350000", timedelta(seconds=1))
    used = (stage.federation.folder / "tokens" / SHANGHAI).read_text()
    await load.accepts(8)  # longer than a second
    while datetime.now(UTC) < ended.expires_at:
        await load.accepts(1)
    tries = ((SHANGHAI, used, "already used"), ("360000", fresh.secret, "not for 360000"), ("350000", ended.secret, "ended at"))
    for number, (province, secret, why) in enumerate(tries):
        folder = stage.federation.folder / f"thief-{number}"
        token = stage.federation.folder / "tokens" / f"thief-{number}"
        token.write_text(secret)
        token.chmod(0o600)
        offer = ["--province", province, "--hub", fresh.enrolment_endpoint, "--pin", fresh.authority_pin, "--token-file", token]
        try:
            await stage.federation.command("node", "join", *offer, "--directory", folder, "--skip-preflight", "ports", member="thief")
        except Refused as refused:
            assert why in str(refused) and not (folder / "node.toml").exists(), refused  # noqa: PT017 - it runs outside of pytest too
        else:
            raise AssertionError(f"a misused token let {province} in")
    yield


@asynccontextmanager
async def repeated(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Every desk asks everything twice, with the same ids."""
    await load.accepts(40)
    yield


FAULTS: Final = (
    Fault("repeats.every_request", repeated, twice=True),
    Fault("peer.random_bytes", random_bytes),
    Fault("peer.lying_province", lying_province),
    Fault("peer.stranger", stranger),
    Fault("peer.noise_at_the_broker", broker_noise),
    Fault("tokens.misused", tokens_misused),
)
