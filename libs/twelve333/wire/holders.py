"""Holders of certificates between core and wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..api.registration.v1 import holders_pb2 as pb
from ..core.identity import Role
from ..core.registration.holders import Holder
from .times import from_timestamp, to_timestamp

_KINDS: Final[Mapping[Role, pb.HolderKind.ValueType]] = {
    Role.OPERATOR: pb.HOLDER_KIND_OPERATOR,
    Role.LOCAL_OPERATOR: pb.HOLDER_KIND_OPERATOR,
    Role.DESK: pb.HOLDER_KIND_DESK,
}


def kind_of(role: Role) -> pb.HolderKind.ValueType:
    """How a role is called on the wire, where hub and node say the same of their own operators."""
    return _KINDS[role]


def holder_to_wire(holder: Holder) -> pb.Holder:
    """To the message."""
    return pb.Holder(
        kind=kind_of(holder.role),
        name=holder.name,
        key_fingerprint=holder.key_fingerprint,
        since=to_timestamp(holder.since),
        revoked_at=to_timestamp(holder.revoked_at) if holder.revoked_at else None,
        reason=holder.reason,
    )


def holder_from_wire(message: pb.Holder, operator: Role) -> Holder:
    """From the message of a service whose operators have the role `operator`."""
    role = Role.DESK if message.kind == pb.HOLDER_KIND_DESK else operator
    revoked_at = from_timestamp(message.revoked_at) if message.HasField("revoked_at") else None
    return Holder(role, message.name, message.key_fingerprint, from_timestamp(message.since), revoked_at, message.reason)
