"""Who a certificate speaks for: SPIFFE URIs to identities, identities to callers.

Two kinds of trust domain exist: `federation.12333` (hub, province nodes, operators of the ministry) and one per province,
`350000.12333` (the node's own face to its desktops, its desks, its local operators). An identity of one domain is nothing
in another: a province's own authority can never speak for the federation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .decision import Code, Kind, Refusal, refuse
from .ids import HUB, is_member, is_unit_code

FEDERATION_DOMAIN: Final = "federation.12333"
NAME_CHARS_MAX: Final = 64

IDENTITY_MALFORMED: Final = Code("SECURITY_IDENTITY_MALFORMED", Kind.UNAUTHENTICATED)
NAME_MALFORMED: Final = Code("SECURITY_NAME_MALFORMED", Kind.INVALID)

_NAME = re.compile(rf"[a-z0-9][a-z0-9_.-]{{0,{NAME_CHARS_MAX - 1}}}")
_URI = re.compile(r"spiffe://([a-z0-9.]{1,64})/([a-z]{1,16})(?:/([a-z0-9_.-]{1,64}))?")


class Role(Enum):
    """In what capacity somebody calls; access tables grant RPCs to roles."""

    HUB = "hub"
    NODE = "node"
    OPERATOR = "operator"  # of the ministry
    DESK = "desk"  # a desktop or business system of one province
    LOCAL_OPERATOR = "local_operator"  # of one province
    BROKER = "broker"  # serves the message broker's TLS; calls nobody, and is refused wherever it tries
    ANYONE = "anyone"  # no certificate: only where a listener asks for none


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Args:
        role: in what capacity.
        member: `hub`, a province code, or empty for `ANYONE`.
        name: of the operator or desk; empty for machines.
    """

    role: Role
    member: str = ""
    name: str = ""


ANYONE: Final = Caller(Role.ANYONE)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a certificate proves: a caller within a trust domain."""

    trust_domain: str
    caller: Caller

    @property
    def uri(self) -> str:
        """The SPIFFE URI that the certificate carries as its only URI name."""
        return f"spiffe://{self.trust_domain}/{_path(self)}"


def local_domain(province: str) -> str:
    """The trust domain of a province's own authority: 350000 -> `350000.12333`."""
    return f"{province}.12333"


def dns_name(member: str) -> str:
    """The DNS name every certificate of a member carries; clients prove the peer by it whatever address they dial."""
    return f"{member}.12333.internal"


def hub_identity() -> Identity:
    """The hub in the federation."""
    return Identity(FEDERATION_DOMAIN, Caller(Role.HUB, HUB))


def broker_identity() -> Identity:
    """The message broker's face; `parse_identity` refuses it, so it can never call."""
    return Identity(FEDERATION_DOMAIN, Caller(Role.BROKER))


def node_identity(province: str) -> Identity:
    """A province node in the federation."""
    return Identity(FEDERATION_DOMAIN, Caller(Role.NODE, province))


def operator_identity(name: str) -> Identity:
    """A named operator of the ministry."""
    return Identity(FEDERATION_DOMAIN, Caller(Role.OPERATOR, HUB, name))


def local_node_identity(province: str) -> Identity:
    """A node's face to its own desktops, proved by its own authority."""
    return Identity(local_domain(province), Caller(Role.NODE, province))


def desk_identity(province: str, name: str) -> Identity:
    """A named desktop or business system of a province."""
    return Identity(local_domain(province), Caller(Role.DESK, province, name))


def local_operator_identity(province: str, name: str) -> Identity:
    """A named operator of one province node."""
    return Identity(local_domain(province), Caller(Role.LOCAL_OPERATOR, province, name))


def check_name(name: str) -> Refusal | None:
    """Refuse a desk or operator name that cannot stand in a certificate (1 to 64 of a-z, 0-9, `_`, `.`, `-`)."""
    return None if _NAME.fullmatch(name) else refuse(NAME_MALFORMED, name=name[:NAME_CHARS_MAX])


def parse_identity(uri: str) -> Identity | Refusal:
    """Read a SPIFFE URI; anything but the six forms above is refused, however close.

    Source: SPIFFE-ID standard, section 2 (trust domain and path).
    """
    match = _URI.fullmatch(uri)
    identity = _identity(*match.groups(default="")) if match else None
    return identity or refuse(IDENTITY_MALFORMED, uri=uri[:128])


def _identity(domain: str, kind: str, name: str) -> Identity | None:
    if domain == FEDERATION_DOMAIN:
        return _federation_identity(kind, name)
    province = domain.removesuffix(".12333")
    return _local_identity(province, kind, name) if domain == local_domain(province) and is_unit_code(province) else None


def _federation_identity(kind: str, name: str) -> Identity | None:
    if kind == "hub" and not name:
        return hub_identity()
    if kind == "province" and is_member(name) and name != HUB:
        return node_identity(name)
    return operator_identity(name) if kind == "operator" and _NAME.fullmatch(name) else None


def _local_identity(province: str, kind: str, name: str) -> Identity | None:
    if kind == "node" and not name:
        return local_node_identity(province)
    if not _NAME.fullmatch(name):
        return None
    makers = {"desk": desk_identity, "operator": local_operator_identity}
    return makers[kind](province, name) if kind in makers else None


def _path(identity: Identity) -> str:
    caller = identity.caller
    if caller.role in (Role.HUB, Role.BROKER):
        return str(caller.role.value)
    if caller.role is Role.NODE:
        return f"province/{caller.member}" if identity.trust_domain == FEDERATION_DOMAIN else "node"
    kind = "desk" if caller.role is Role.DESK else "operator"
    return f"{kind}/{caller.name}"
