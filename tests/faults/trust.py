"""Certificates that ended, are exchanged under load, or are revoked while their member works."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Final

import grpc
from cryptography import x509

from twelve333.adapters.bus.server_config import BROKER_NAME
from twelve333.adapters.rpc.credentials import channel_credentials, channel_options
from twelve333.adapters.rpc.errors import told_by_peer
from twelve333.adapters.signing.authority import Authority, load_authority
from twelve333.adapters.signing.keys import CHAIN_FILE, key_and_request, load_certificates
from twelve333.adapters.signing.renewal import due_at, install_chain, present_leaf
from twelve333.api.delivery.v1 import peer_pb2, peer_pb2_grpc
from twelve333.cli.demo.stage import until
from twelve333.core.decision import Refused
from twelve333.core.identity import Identity, broker_identity, dns_name, hub_identity, node_identity

from .crashes import BROKER, JIANGSU, SHANGHAI
from .load import Load
from .proxy import HOST
from .run import Breaking, Fault
from .stage import HUB, Stage

DAYS: Final = timedelta(days=85)
REVOKED_SECONDS: Final = 1.0
REVOKED: Final = "RPC_CALLER_REVOKED"


def issue(stage: Stage, name: str, folder: Path, at: datetime, authority: Authority | None = None) -> None:
    """Give a member, for the key it has, the certificate that the federation's authority (that of now, if none is given) would have
    issued at that time."""
    identity: Identity = {HUB: hub_identity(), BROKER: broker_identity()}.get(name) or node_identity(name)
    authority = authority or load_authority(stage.federation.hub.folder / "pki" / "authority")
    names = [dns_name(BROKER_NAME if name == BROKER else name), "localhost"]
    enrolment = folder.name == "enrolment"
    issued = authority.issue(key_and_request(folder), identity, names, DAYS, at, carries_root=enrolment)
    if name == BROKER or enrolment:
        (folder / CHAIN_FILE).write_bytes(issued.chain)
    else:
        install_chain(folder, issued.chain)


def folders(stage: Stage) -> list[tuple[str, Path]]:
    """Where each member keeps its federation certificates."""
    hub = stage.federation.hub.folder
    nodes = [(name, stage.member(name).folder / "pki" / "federation") for name in stage.provinces]
    return [(HUB, hub / "pki" / "federation"), (HUB, hub / "pki" / "enrolment"), (BROKER, hub / "broker"), *nodes]


@asynccontextmanager
async def ended_while_away(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A node returns ten days after its certificate ended, and nobody lends a hand."""
    await stage.kill(JIANGSU)
    folder = stage.member(JIANGSU).folder
    for each in (folder / "pki" / "federation", folder / "profiles" / HUB):
        issue(stage, JIANGSU, each, datetime.now(UTC) - DAYS - timedelta(days=10))
    ended = present_leaf(folder / "pki" / "federation")
    assert datetime.now(UTC) - ended.not_valid_after_utc >= timedelta(days=10)
    await load.accepts(6, SHANGHAI)
    await stage.start(JIANGSU)
    await load.accepts(4)

    async def renewed() -> bool:
        return present_leaf(folder / "pki" / "federation").not_valid_after_utc > datetime.now(UTC)

    await until("a certificate that counts", renewed)
    yield


async def renew_all(stage: Stage, load: Load) -> None:
    """Let every certificate come to the time when it is due, and wait until all are new."""
    before = dict[Path, x509.Certificate]()
    for name, folder in folders(stage):
        issue(stage, name, folder, datetime.now(UTC) - timedelta(days=62))
        before[folder] = present_leaf(folder)
        assert due_at(before[folder]) < datetime.now(UTC)

    async def renewed() -> bool:
        return all(present_leaf(folder).serial_number != leaf.serial_number for folder, leaf in before.items())

    await until("new certificates everywhere", renewed, 60.0)
    await load.accepts(4)


def rotated(*, issuing: bool) -> Breaking:
    """All certificates are exchanged while everybody works, twice; and nobody has to ask a second time."""

    @asynccontextmanager
    async def breaking(stage: Stage, load: Load) -> AsyncIterator[None]:
        before = load.ledger.asked_again.copy()
        for _ in range(2):
            if issuing:
                await stage.federation.command("hub", "rotate-issuing", "--directory", stage.federation.hub.folder, member=HUB)
            await renew_all(stage, load)
        _all_under(stage, load_authority(stage.federation.hub.folder / "pki" / "authority").certificate)
        assert load.ledger.asked_again == before, f"calls that failed on the way: {load.ledger.asked_again - before}"
        yield

    return breaking


@asynccontextmanager
async def root_rotated(stage: Stage, load: Load) -> AsyncIterator[None]:
    """Another root comes in, takes over and is alone at the end, while everybody works; and nobody has to ask a second time.

    Members move when they renew: each comes to that time once the new root issues.
    """
    before = load.ledger.asked_again.copy()
    old = load_authority(stage.federation.hub.folder / "pki" / "authority")
    for step in ("begin", "switch", "retire"):
        await until(f"rotate-root {step}", lambda step=step: _took(stage, step), 60.0)  # type: ignore[misc]
        await load.accepts(4)
        for name, folder in folders(stage) if step == "switch" else ():
            if name in stage.provinces:
                issue(stage, name, folder, datetime.now(UTC) - timedelta(days=62), old)
    roots = load_certificates(stage.federation.hub.folder / "pki" / "authority" / "root" / "ca.crt")
    for _, folder in folders(stage):
        load_certificates(folder / CHAIN_FILE)[1].verify_directly_issued_by(roots[0])
    assert load.ledger.asked_again == before, f"calls that failed on the way: {load.ledger.asked_again - before}"
    yield


async def _took(stage: Stage, step: str) -> bool:
    """Whether the hub took this step; it refuses as long as a member would be left behind."""
    try:
        await stage.federation.command("hub", "rotate-root", step, "--config", stage.federation.hub.folder / "hub.toml", member=HUB)
    except Refused as refused:
        if "REGISTRATION_ROOT_" not in str(refused):
            raise
        return False
    return True


def _all_under(stage: Stage, issuing: x509.Certificate) -> None:
    chains = [load_certificates(folder / CHAIN_FILE) for _, folder in folders(stage)]
    assert all(chain[1] == issuing for chain in chains), "not everybody is certified by the authority in use"


@asynccontextmanager
async def revoked(stage: Stage, load: Load) -> AsyncIterator[None]:
    """A node at work is revoked: refused everywhere in a second, also without the hub and after a restart; it rejoins, nothing is lost."""
    async with stage.federation.hub.connect() as hub:
        started = perf_counter()
        await hub.registration.revoke(JIANGSU, "machine stolen")
    ports = {HUB: stage.to_hub[JIANGSU].port, SHANGHAI: stage.to_node[SHANGHAI].port}
    for member, port in ports.items():
        await until(f"refused by {member}", lambda member=member, port=port: _refuses(stage, member, port), 20.0)  # type: ignore[misc]
    seconds = perf_counter() - started
    assert seconds < REVOKED_SECONDS, f"a revoked node was refused everywhere only after {seconds:.1f} s"
    await load.accepts(4)
    await stage.kill(HUB)
    assert await _refuses(stage, SHANGHAI, ports[SHANGHAI]), "let in while the hub is away"
    await stage.restart(SHANGHAI)
    assert await _refuses(stage, SHANGHAI, ports[SHANGHAI]), "let in by a node that started without the hub"
    await load.accepts(4)
    await stage.start(HUB)
    await rejoin(stage, JIANGSU)
    yield


async def rejoin(stage: Stage, province: str) -> None:
    """A new token, a new key; the node goes on running."""
    async with stage.federation.hub.connect() as hub:
        token = await hub.registration.create_token(province)
    file = stage.federation.folder / "tokens" / f"{province}-again"
    file.write_text(token.secret)
    file.chmod(0o600)
    offer = ["--hub", token.enrolment_endpoint, "--pin", token.authority_pin, "--token-file", file]
    config = stage.member(province).folder / "node.toml"
    await stage.federation.command("node", "rejoin", *offer, "--config", config, member=province)


async def _refuses(stage: Stage, member: str, port: int) -> bool:
    """Whether a member refuses what Jiangsu's key says, for the reason that it is revoked."""
    pki = stage.member(JIANGSU).folder / "pki" / "federation"
    async with grpc.aio.secure_channel(f"{HOST}:{port}", channel_credentials(pki), options=channel_options(member)) as channel:
        stub = peer_pb2_grpc.DeliveryPeerServiceStub(channel)
        try:
            await stub.DeliverEvents(peer_pb2.DeliverEventsRequest(), timeout=5)
        except grpc.aio.AioRpcError as error:
            told = told_by_peer(error)
            return told is not None and told.code.name == REVOKED
    return False


FAULTS: Final[Sequence[Fault]] = (
    Fault("certificate.ended_ten_days_ago", ended_while_away),
    Fault("rotation.leaves_under_load", rotated(issuing=False)),
    Fault("rotation.issuing_under_load", rotated(issuing=True)),
    Fault("rotation.root_under_load", root_rotated),
    Fault("revoked.live_node", revoked),
)
