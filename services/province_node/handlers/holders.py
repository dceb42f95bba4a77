"""A province's own operators, desktops and systems: certified and ended under its authority, where that is kept here."""

from __future__ import annotations

from functools import partial

from twelve333.adapters.holders import HolderRegister
from twelve333.adapters.signing.authority import Authority, load_authority
from twelve333.api.registration.v1 import holders_pb2 as pb
from twelve333.core.identity import desk_identity, local_operator_identity

from ..context import NodeContext
from ..store.holders import holders


def holder_register(node: NodeContext) -> HolderRegister:
    """What the node knows of its people and systems."""
    kinds = {
        pb.HOLDER_KIND_OPERATOR: partial(local_operator_identity, node.province),
        pb.HOLDER_KIND_DESK: partial(desk_identity, node.province),
    }
    return HolderRegister(node.database, holders, node.audit, node.clock, kinds, partial(_authority, node))


def _authority(node: NodeContext) -> Authority | None:
    """Read at each use: it signs seldom, and may be exchanged."""
    folder = node.settings.pki_directory / "local"
    return load_authority(folder) if (folder / "issuing" / "ca.key").exists() else None
