"""`node join`: makes the node's key, enrols it at the hub, and writes all that the node needs to run from then on.

The key never leaves this machine. The order makes a repeat harmless: the same key is asked with again, so a lost answer is simply
asked for again (a refusal takes the folder away), and settings are written last, so a folder with `node.toml` is a complete node.
"""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import grpc

from twelve333.adapters.rpc.credentials import channel_options
from twelve333.adapters.signing.authority import Authority, create_authority, load_authority
from twelve333.adapters.signing.document_keys import PINNED_FILE
from twelve333.adapters.signing.documents import verify
from twelve333.adapters.signing.files import refuse_existing, write_file
from twelve333.adapters.signing.keys import key_and_request, write_material
from twelve333.adapters.signing.pinning import fetch_root
from twelve333.adapters.signing.suites import SuiteName
from twelve333.adapters.signing.trust import Trust, from_der, take_up_files
from twelve333.api.registration.v1 import registration_pb2, service_pb2_grpc
from twelve333.api.registration.v1 import service_pb2 as pb
from twelve333.cli.common import profile_text
from twelve333.client.connection import ServiceError, Target, raising_service_errors
from twelve333.core.decision import Kind
from twelve333.core.identity import Identity, desk_identity, dns_name, local_node_identity, local_operator_identity
from twelve333.core.ids import HUB
from twelve333.wire.documents import document_from_wire
from twelve333.wire.status import LOCALE_KEY

from .directory import PURPOSE

LIFETIME = timedelta(days=90)
SETTINGS_FILE = "node.toml"
JOIN_SECONDS = 20.0
_ANSWER_UNKNOWN = {Kind.UNAVAILABLE, Kind.TIMED_OUT}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Args:
        folder: where; must not hold a node yet.
        province: the code of the province that joins.
        hub: host:port of the hub's enrolment listener.
        pin: `sha256:…` of the federation's root certificate.
        host: the address to listen on and to tell others.
        federation_port, desk_port, health_port: of the node's listeners.
        operator, desk: names of the first local operator and the first desktop.
        suite: what seals and hashes here; documents are the hub's to sign.
        page_port: of the consultants' page; 0: none.
        database_url: empty for SQLite in the folder.
        locale: of the hub's sentence, if it refuses.
    """

    folder: Path
    province: str
    hub: str
    pin: str
    host: str
    federation_port: int
    desk_port: int
    health_port: int
    operator: str
    desk: str
    suite: SuiteName = "international"
    page_port: int = 0
    database_url: str = ""
    locale: str = ""


async def join(plan: Plan, token: str, now: datetime) -> pb.JoinResponse:
    """Enrol the node and write its folder; the caller then migrates the database and stores the directory.

    Raises:
        Refused: SECURITY_* (pin, files), or the folder holds a node already.
        ServiceError: the hub refused.
    """
    refuse_existing(plan.folder / SETTINGS_FILE)
    pki, is_new = plan.folder / "pki", not plan.folder.exists()
    root = await asyncio.to_thread(fetch_root, plan.hub, plan.pin, now)
    asked = Asked(plan.hub, root, plan.province, f"{plan.host}:{plan.federation_port}", plan.locale)
    try:
        answer = await ask(asked, token, key_and_request(pki / "federation"))
    except ServiceError as error:
        if is_new and error.kind not in _ANSWER_UNKNOWN:
            await asyncio.to_thread(shutil.rmtree, plan.folder)
        raise
    verify(document_from_wire(answer.directory), PURPOSE, answer.document_key, None)
    write_material(pki / "federation", answer.certificate_chain.encode(), root)
    trust_listed(pki / "federation", answer, now)
    write_file(pki / PINNED_FILE, answer.document_key.hex().encode())
    _make_local_authority(plan, now)
    _copy_hub_profile(plan, answer.hub_endpoint)
    write_file(plan.folder / SETTINGS_FILE, settings_text(plan, answer).encode())
    return answer


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a node asks, and as what.

    Args:
        hub: host:port of the hub's enrolment listener.
        root: the federation's root (PEM), proved by its pin.
        province: that joins.
        endpoint: host:port at which other members reach it.
        locale: of the hub's sentence, if it refuses; empty: the hub's own.
    """

    hub: str
    root: bytes
    province: str
    endpoint: str
    locale: str = ""


async def ask(asked: Asked, token: str, signing_request: bytes) -> pb.JoinResponse:
    """Ask the hub to join, with the token and a request by the key.

    Raises:
        ServiceError: the hub refused or did not answer.
    """
    request = pb.JoinRequest(token=token, province=asked.province, endpoint=asked.endpoint, signing_request=signing_request)
    credentials = grpc.ssl_channel_credentials(asked.root)
    wish = grpc.aio.Metadata((LOCALE_KEY, asked.locale))
    async with grpc.aio.secure_channel(asked.hub, credentials, options=channel_options(HUB)) as channel:
        with raising_service_errors(Target(HUB, asked.hub, JOIN_SECONDS, asked.locale)):
            return await service_pb2_grpc.EnrolmentServiceStub(channel).Join(request, timeout=JOIN_SECONDS, metadata=wish)


def trust_listed(folder: Path, answer: pb.JoinResponse, now: datetime) -> None:
    """Trust what the directory lists as well: while a root is exchanged there are members under both.

    Raises:
        Refused: SECURITY_FILE_*.
    """
    listed = registration_pb2.Directory.FromString(answer.directory.payload)
    take_up_files(folder, Trust(from_der(listed.trusted_roots), from_der(listed.root_links)), now)


def _make_local_authority(plan: Plan, now: datetime) -> None:
    """The province's own authority: for its desk listener, its operators and desktops; it means nothing to other members."""
    folder = plan.folder / "pki" / "local"
    made = (folder / "issuing" / "ca.key").exists()
    authority = load_authority(folder) if made else create_authority(folder, f"{plan.province} local", now)
    names = [dns_name(plan.province), "localhost"]
    certify(authority, plan.folder / "pki" / "desk", local_node_identity(plan.province), names, now)
    address = f"{plan.host}:{plan.desk_port}"
    people = {plan.operator: local_operator_identity(plan.province, plan.operator), plan.desk: desk_identity(plan.province, plan.desk)}
    for name, identity in people.items():
        profile = plan.folder / "profiles" / name
        certify(authority, profile, identity, [], now)
        write_file(profile / "profile.toml", profile_text(address, plan.province).encode())


def _copy_hub_profile(plan: Plan, hub_endpoint: str) -> None:
    """A profile with which the province's IT asks the hub in the node's name, e.g. to register its units."""
    profile, source = plan.folder / "profiles" / HUB, plan.folder / "pki" / "federation"
    for name, mode in (("tls.key", 0o600), ("tls.crt", 0o644), ("ca.crt", 0o644)):
        write_file(profile / name, (source / name).read_bytes(), mode)
    write_file(profile / "profile.toml", profile_text(hub_endpoint, HUB).encode())


def settings_text(plan: Plan, answer: pb.JoinResponse) -> str:
    """The content of `node.toml`."""
    page = f'page = "{plan.host}:{plan.page_port}"\n' if plan.page_port else ""
    urls = ", ".join(f'"{url}"' for url in answer.broker_urls)
    return f"""# Settings of this node; any of them can be overridden from the environment, e.g. TWELVE333_LISTEN__DESK.
province = "{plan.province}"
suite = "{plan.suite}"

[listen]
federation = "{plan.host}:{plan.federation_port}"
desk = "{plan.host}:{plan.desk_port}"
{page}health = "127.0.0.1:{plan.health_port}"
advertise = "{plan.host}:{plan.federation_port}"

[hub]
endpoint = "{answer.hub_endpoint}"
enrolment = "{plan.hub}"

[database]
url = "{plan.database_url or "sqlite:///node.db"}"

[broker]
urls = [{urls}]
"""


def certify(authority: Authority, folder: Path, identity: Identity, names: list[str], now: datetime) -> None:
    """Make a key in `folder` and certify it."""
    issued = authority.issue(key_and_request(folder), identity, names, LIFETIME, now)
    write_material(folder, issued.chain, issued.root)
