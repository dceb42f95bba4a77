"""One root over everything in the library, shaped so that a difference can be found from the top with few questions.

Entries fall into 4,096 buckets by the first 12 bits of SHA-256(id); a bucket's digest covers its leaves in order of id; above it
stands a 16-ary tree of three levels. Leaves, buckets and inner nodes are hashed under different prefixes, so that none can pose
as another (as in RFC 6962). A single changed entry touches one bucket and three nodes, whatever the size of the library.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from .model import Leaf

BUCKET_HEX_DIGITS: Final = 3
ARITY: Final = 16
_LEAF, _BUCKET, _NODE = b"\x00", b"\x01", b"\x02"


def digest_of(content: bytes) -> bytes:
    """SHA-256 of the exact bytes of an entry (32 bytes)."""
    return sha256(content).digest()


def bucket_of(entry_id: str) -> str:
    """The bucket that an entry falls into: three hex digits, 12 bits of SHA-256(id)."""
    return sha256(entry_id.encode()).hexdigest()[:BUCKET_HEX_DIGITS]


def root_of(leaves: Iterable[Leaf]) -> bytes:
    """The root (32 bytes) over `leaves`, in whatever order they come; each id at most once."""
    return digests_of(leaves)[""]


def digests_of(leaves: Iterable[Leaf]) -> dict[str, bytes]:
    """All digests of the tree by hex prefix: `""` is the root, `"a"` and `"af"` inner nodes, `"af3"` a bucket."""
    buckets: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        buckets.setdefault(bucket_of(leaf.entry_id), []).append(leaf)
    digests = {name: bucket_digest(members) for name, members in buckets.items()}
    empty = bucket_digest([])
    for depth in range(BUCKET_HEX_DIGITS - 1, -1, -1):
        parents = {name[:depth] for name in digests if len(name) == depth + 1}
        for parent in parents:
            digests[parent] = node_digest(digests.get(f"{parent}{child:x}", empty) for child in range(ARITY))
        empty = node_digest([empty] * ARITY)
    digests.setdefault("", empty)
    return digests


def bucket_digest(members: Iterable[Leaf]) -> bytes:
    """Digest of a bucket: its leaves in order of id."""
    return sha256(_BUCKET + b"".join(_leaf_digest(leaf) for leaf in sorted(members, key=lambda leaf: leaf.entry_id))).digest()


def _leaf_digest(leaf: Leaf) -> bytes:
    """Digest of a leaf; fixed-width fields around the id keep two different leaves from reading alike."""
    name = leaf.entry_id.encode()
    return sha256(_LEAF + len(name).to_bytes(2, "big") + name + leaf.version.to_bytes(4, "big") + leaf.digest).digest()


def node_digest(children: Iterable[bytes]) -> bytes:
    """Digest of an inner node over its sixteen children."""
    return sha256(_NODE + b"".join(children)).digest()
