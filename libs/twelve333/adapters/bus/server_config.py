"""The broker's configuration: who connects is proved by certificate, and each member may speak only for itself.

Works with Debian's nats-server 2.9.10 and later: `verify_and_map` takes the SPIFFE URI of the certificate as the user. There is
no other user, no password and no anonymous access; a province can neither read another's events nor create, change or purge anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...core.identity import hub_identity, node_identity
from ...core.ids import HUB
from ...wire.subjects import STREAM, consumer_of, inbox_prefix
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
    users = [
        _user(hub_identity().uri, _hub_permissions()),
        *(_user(node_identity(code).uri, _node_permissions(code)) for code in provinces),
    ]
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
        "authorization": {"users": users},
    }
    if server.monitor_port:
        settings["http"] = f"127.0.0.1:{server.monitor_port}"
    return "# Written by `twelve333 hub init`; nats-server reads JSON as it is.\n" + json.dumps(settings, indent=2) + "\n"


def _user(uri: str, permissions: dict[str, Any]) -> dict[str, Any]:
    return {"user": uri, "permissions": permissions}


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
        f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer}",
        f"$JS.ACK.{STREAM}.{consumer}.>",
    ]
    return _rules(publish, [f"{inbox_prefix(member)}.>", f"t333.rc.*.{member}"])
