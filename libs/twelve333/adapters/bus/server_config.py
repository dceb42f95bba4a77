"""The broker's configuration: who connects is proved by certificate, and each member may speak only for itself.

Works with Debian's nats-server 2.9.10 and later: `verify_and_map` takes the SPIFFE URI of the certificate as the user. There is
no other user, no password and no anonymous access; a province can neither read another's events nor create, change or purge anything.
Who is a user, and with which key, follows the hub's register of members (`with_members`): a member that is revoked is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...core.identity import hub_identity, node_identity
from ...core.ids import HUB
from ...wire.subjects import STREAM, consumer_of, inbox_prefix, queues_of_all, queues_subject
from .reload import PID_FILE

BROKER_NAME: Final = "broker"  # its certificate carries the DNS name of this "member"
PAYLOAD_BYTES_MAX: Final = 512 * 1024  # an envelope is 256 KiB at most
PING_INTERVAL: Final = "5s"  # a half-open link is noticed after two of these instead of four minutes


@dataclass(frozen=True, slots=True)
class BrokerServer:
    """Where the broker listens and what it reads.

    Args:
        host, port: the address members connect to.
        store: folder of JetStream's files; may be wiped at any time without losing an event.
        chain, key, ca: PEM files of the broker's certificate, its key, and the federation's root.
        monitor_port: loopback port of the monitoring endpoint; 0 for none.
        store_bytes_max: upper bound of the store.
    """

    host: str
    port: int
    store: Path
    chain: Path
    key: Path
    ca: Path
    monitor_port: int = 0
    store_bytes_max: int = 2 * 1024**3


def render_server_config(server: BrokerServer, provinces: Sequence[str]) -> str:
    """The text of `nats-server.conf` for the hub and these provinces."""
    settings: dict[str, Any] = {
        "server_name": "twelve333",
        "listen": f"{server.host}:{server.port}",
        "max_payload": PAYLOAD_BYTES_MAX,
        "ping_interval": PING_INTERVAL,
        "ping_max": 2,
        "write_deadline": "5s",
        "lame_duck_duration": "30s",
        "pid_file": str(server.chain.parent / PID_FILE),
        "jetstream": {"store_dir": str(server.store), "max_file_store": server.store_bytes_max, "max_memory_store": 0},
        "tls": {
            "cert_file": str(server.chain),
            "key_file": str(server.key),
            "ca_file": str(server.ca),
            "verify_and_map": True,
            "timeout": 5,
        },
        "authorization": {"users": _users([HUB, *provinces])},
    }
    if server.monitor_port:
        settings["http"] = f"127.0.0.1:{server.monitor_port}"
    return _text(settings)


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whom a configuration lets in.

    Args:
        users: their names (SPIFFE URIs).
        keys: fingerprints that a certificate's key must be among; None where any key of our authority counts.
    """

    users: frozenset[str]
    keys: frozenset[str] | None


def read_server_config(text: str) -> dict[str, Any]:
    """The settings in a text of ours, comment lines left out.

    Raises:
        ValueError: it is in the server's other syntax, or has no users.
    """
    settings = json.loads("\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    if not isinstance(settings, dict) or not {"authorization", "tls"} <= settings.keys():
        raise ValueError("neither users nor TLS")
    return settings


def admitted_by(settings: Mapping[str, Any]) -> Admitted:
    """Whom these settings let in."""
    keys = settings["tls"].get("pinned_certs")
    return Admitted(frozenset(each["user"] for each in settings["authorization"]["users"]), None if keys is None else frozenset(keys))


def with_members(settings: Mapping[str, Any], members: Mapping[str, str]) -> str:
    """The text that lets in these members and nobody else; all else stays as it is.

    Args:
        settings: as read.
        members: name (`hub` or province code) to the fingerprint of the one key that counts.
    """
    tls = {**settings["tls"], "pinned_certs": sorted(set(members.values()))}
    return _text({**settings, "tls": tls, "authorization": {**settings["authorization"], "users": _users(sorted(members))}})


def user_of(member: str) -> str:
    """The name of a member at the broker."""
    return (hub_identity() if member == HUB else node_identity(member)).uri


def _text(settings: Mapping[str, Any]) -> str:
    comment = "# Written by the hub, which keeps users and pinned_certs; nats-server reads JSON as it is."
    return f"{comment}\n{json.dumps(settings, indent=2)}\n"


def _users(members: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"user": user_of(member), "permissions": _hub_permissions() if member == HUB else _node_permissions(member)} for member in members
    ]


def _rules(publish: Iterable[str], subscribe: Iterable[str]) -> dict[str, Any]:
    return {"publish": {"allow": list(publish)}, "subscribe": {"allow": list(subscribe)}}


def _hub_permissions() -> dict[str, Any]:
    """The hub administers the stream; as a member it has no more than any other."""
    own = _member_rules(HUB)
    own["publish"]["allow"].append("$JS.API.>")
    return own


def _node_permissions(province: str) -> dict[str, Any]:
    return _member_rules(province)


def _member_rules(member: str) -> dict[str, Any]:
    consumer = consumer_of(member)
    publish = [
        f"t333.ev.{member}.>",
        f"t333.rc.{member}.>",
        queues_subject(member),
        f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
        f"$JS.ACK.{STREAM}.{consumer}.>",
    ]
    return _rules(publish, [f"{inbox_prefix(member)}.>", f"t333.rc.*.{member}", queues_of_all()])
