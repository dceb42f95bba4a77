"""`hub init`: makes the authority, the hub's certificates, the broker's configuration, the settings and an operator's profile.

Everything lands in one folder: `hub.toml`, `pki/` (authority, federation, enrolment, documents.key), `broker/`, `profiles/<operator>`.
`pki/authority/root/` is needed only to replace the issuing authority and belongs off this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from twelve333.adapters.bus.server_config import BROKER_NAME, BrokerServer, render_server_config
from twelve333.adapters.signing.authority import Authority, create_authority
from twelve333.adapters.signing.documents import create_signing_key
from twelve333.adapters.signing.fields import KEYRING_FILE, ensure_ring
from twelve333.adapters.signing.files import refuse_existing, write_file
from twelve333.adapters.signing.keys import CHAIN_FILE, KEY_FILE, ROOT_FILE, key_and_request, write_material
from twelve333.adapters.signing.sm2 import check_library
from twelve333.adapters.signing.suites import SUITES, SuiteName
from twelve333.cli.common import profile_text
from twelve333.core.decision import Refused
from twelve333.core.documents import SM2_SM3
from twelve333.core.identity import Identity, broker_identity, check_name, dns_name, hub_identity, operator_identity
from twelve333.core.ids import HUB

AUTHORITY_NAME = "12333 federation"
LIFETIME = timedelta(days=90)
SETTINGS_FILE = "hub.toml"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Args:
        folder: where; must not hold a hub yet.
        host: the address to listen on and to tell others.
        federation_port, enrolment_port, health_port: of the hub's listeners.
        broker_port: of the NATS server.
        operator: name of the first operator.
        suite: what signs documents, seals and hashes.
        database_url: empty for SQLite in the folder.
    """

    folder: Path
    host: str
    federation_port: int
    enrolment_port: int
    health_port: int
    broker_port: int
    operator: str
    suite: SuiteName = "international"
    database_url: str = ""


def create(plan: Plan, now: datetime) -> Authority:
    """Make everything that `plan` names.

    Raises:
        Refused: there is a hub in the folder already, the operator's name is malformed, or a file cannot be written.
    """
    refuse_existing(plan.folder / SETTINGS_FILE)
    if SUITES[plan.suite].documents == SM2_SM3:
        check_library()
    if refusal := check_name(plan.operator):
        raise Refused(refusal)
    pki = plan.folder / "pki"
    authority = create_authority(pki / "authority", AUTHORITY_NAME, now)
    create_signing_key(pki / "documents.key", SUITES[plan.suite].documents)
    ensure_ring(pki / KEYRING_FILE, SUITES[plan.suite].cipher, now)
    hub_names = [dns_name(HUB), "localhost"]
    _certify(authority, pki / "federation", hub_identity(), hub_names, now)
    _certify(authority, pki / "enrolment", hub_identity(), hub_names, now, carries_root=True)
    _certify(authority, plan.folder / "broker", broker_identity(), [dns_name(BROKER_NAME), "localhost"], now)
    profile = plan.folder / "profiles" / plan.operator
    _certify(authority, profile, operator_identity(plan.operator), [], now)
    write_file(profile / "profile.toml", profile_text(f"{plan.host}:{plan.federation_port}", HUB).encode())
    write_file(plan.folder / "broker" / "nats-server.conf", _broker_settings(plan).encode())
    write_file(plan.folder / SETTINGS_FILE, settings_text(plan).encode())
    return authority


def _broker_settings(plan: Plan) -> str:
    folder = plan.folder.resolve() / "broker"
    files = folder / "store", folder / CHAIN_FILE, folder / KEY_FILE, folder / ROOT_FILE
    return render_server_config(BrokerServer(plan.host, plan.broker_port, *files), [])


def settings_text(plan: Plan) -> str:
    """The content of `hub.toml`."""
    host = plan.host
    return f"""# Settings of the hub; any of them can be overridden from the environment, e.g. TWELVE333_LISTEN__FEDERATION.
suite = "{plan.suite}"

[listen]
federation = "{host}:{plan.federation_port}"
enrolment = "{host}:{plan.enrolment_port}"
health = "127.0.0.1:{plan.health_port}"
advertise = "{host}:{plan.federation_port}"
advertise_enrolment = "{host}:{plan.enrolment_port}"

[database]
url = "{plan.database_url or "sqlite:///hub.db"}"

[broker]
urls = ["tls://{host}:{plan.broker_port}"]
"""


def _certify(
    authority: Authority, folder: Path, identity: Identity, names: list[str], now: datetime, *, carries_root: bool = False
) -> None:
    issued = authority.issue(key_and_request(folder), identity, names, LIFETIME, now, carries_root=carries_root)
    write_material(folder, issued.chain, issued.root)
