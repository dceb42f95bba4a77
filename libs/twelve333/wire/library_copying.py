"""What copying the library asks and answers, between the core and protobuf."""

from __future__ import annotations

from typing import Final

from ..api.library.v1 import copying_pb2 as pb
from ..core.decision import Refusal, refuse
from ..core.library import codes
from ..core.library.model import HASH_BYTES, Leaf, Release, Scope

SCOPE_MAX: Final = 16


def scope_to_wire(scope: Scope) -> pb.LibraryScope:
    """A scope as it travels."""
    return pb.LibraryScope(topics=scope.topics, regions=scope.regions)


def scope_from_wire(message: pb.LibraryScope) -> Scope | Refusal:
    """A scope as it arrived, in order and each code once; refuses one with too many codes."""
    if max(len(message.topics), len(message.regions)) > SCOPE_MAX:
        return refuse(codes.SCOPE_TOO_WIDE, limit=SCOPE_MAX)
    return Scope(tuple(sorted(set(message.topics))), tuple(sorted(set(message.regions))))


def name_of(release: Release) -> pb.ReleaseName:
    """A release as requests name it."""
    return pb.ReleaseName(epoch=release.epoch, number=release.number, scope=scope_to_wire(release.scope))


def expiry_of(release: Release | None) -> int:
    """When a checkpoint expires, in seconds since 1970; 0 if it does not say."""
    return int(release.expires_at.timestamp()) if release and release.expires_at else 0


def leaf_to_wire(leaf: Leaf) -> pb.LibraryLeaf:
    """A leaf as it travels."""
    return pb.LibraryLeaf(entry_id=leaf.entry_id, version=leaf.version, digest=leaf.digest)


def leaf_from_wire(message: pb.LibraryLeaf) -> Leaf:
    """A leaf as it arrived; what it says is believed only if it hashes to what is above it."""
    return Leaf(message.entry_id, message.version, message.digest)


def digests_from_wire(joined: bytes) -> list[bytes]:
    """Digests that came one after the other; what is over at the end makes one too short, which equals none."""
    return [joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)]
