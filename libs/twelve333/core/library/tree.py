"""The Merkle tree of a library as a value: what two copies compare, part by part, to find where they differ.

A part is named by a hex prefix: "" the whole, "a" and "af" inner nodes, "af3" a bucket with its leaves. A changed entry renews its bucket
and the three nodes above; the rest is shared with the tree before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from .merkle import ARITY, BUCKET_HEX_DIGITS, bucket_digest, bucket_of, node_digest
from .model import Leaf

PART_HEX_DIGITS: Final = 2  # parts of this length are compared first: 256 digests, 8 KB
CHILDREN: Final = tuple(f"{child:x}" for child in range(ARITY))


def _empty_digests() -> dict[int, bytes]:
    digests = {BUCKET_HEX_DIGITS: bucket_digest([])}
    for depth in range(BUCKET_HEX_DIGITS - 1, -1, -1):
        digests[depth] = node_digest([digests[depth + 1]] * ARITY)
    return digests


EMPTY: Final = _empty_digests()  # digest of a part without entries, by the length of its name


def is_part(name: str) -> bool:
    """Whether `name` names a part of the tree."""
    return len(name) <= BUCKET_HEX_DIGITS and all(digit in CHILDREN for digit in name)


def parts_below(name: str, depth: int) -> list[str]:
    """The names of the parts below `name` that have `depth` hex digits, in order."""
    names = [name]
    while len(names[0]) < depth:
        names = [parent + child for parent in names for child in CHILDREN]
    return names


def root_over(digests: Mapping[str, bytes]) -> bytes:
    """The root that follows from the digests of all parts of `PART_HEX_DIGITS`."""
    return node_digest(node_digest(digests[first + second] for second in CHILDREN) for first in CHILDREN)


@dataclass(frozen=True, slots=True)
class Tree:
    """See the module. Made by `Tree.of` and `changed`.

    Args:
        buckets: leaves by bucket, in order of id; no empty ones.
        digests: of the parts that have entries.
        count: leaves in all.
    """

    buckets: Mapping[str, tuple[Leaf, ...]]
    digests: Mapping[str, bytes]
    count: int

    @classmethod
    def of(cls, leaves: Iterable[Leaf]) -> Tree:
        """The tree over `leaves`; each id at most once."""
        return cls({}, {}, 0).changed(leaves)

    @property
    def root(self) -> bytes:
        """The digest of the whole, 32 bytes."""
        return self.digest("")

    def digest(self, part: str) -> bytes:
        """The digest of a part, 32 bytes."""
        return self.digests.get(part) or EMPTY[len(part)]

    def below(self, part: str, depth: int) -> list[bytes]:
        """The digests of the parts below `part` that have `depth` hex digits, in order."""
        return [self.digest(name) for name in parts_below(part, depth)]

    def leaves(self, part: str) -> list[Leaf]:
        """The leaves of a part, bucket by bucket, in order of id."""
        if len(part) == BUCKET_HEX_DIGITS:
            return list(self.buckets.get(part, ()))
        return [leaf for name in parts_below(part, BUCKET_HEX_DIGITS) for leaf in self.buckets.get(name, ())]

    def leaf(self, entry_id: str) -> Leaf | None:
        """The leaf of an entry, None if it is not in the tree."""
        return next((leaf for leaf in self.buckets.get(bucket_of(entry_id), ()) if leaf.entry_id == entry_id), None)

    def changed(self, put: Iterable[Leaf], gone: Collection[str] = ()) -> Tree:
        """The tree with these leaves put in, or in the place of others of the same id, and without those `gone`."""
        touched: dict[str, dict[str, Leaf]] = {}

        def bucket(entry_id: str) -> dict[str, Leaf]:
            name = bucket_of(entry_id)
            return touched.setdefault(name, {leaf.entry_id: leaf for leaf in self.buckets.get(name, ())})

        for entry_id in gone:
            bucket(entry_id).pop(entry_id, None)
        for leaf in put:
            bucket(leaf.entry_id)[leaf.entry_id] = leaf
        return self._with(touched)

    def _with(self, touched: Mapping[str, Mapping[str, Leaf]]) -> Tree:
        """The tree with whole buckets renewed, and the nodes above them."""
        buckets, digests, count = dict(self.buckets), dict(self.digests), self.count
        for name, members in touched.items():
            leaves = tuple(sorted(members.values(), key=lambda leaf: leaf.entry_id))
            count += len(leaves) - len(buckets.pop(name, ()))
            digests.pop(name, None)
            if leaves:
                buckets[name], digests[name] = leaves, bucket_digest(leaves)
        for depth in range(BUCKET_HEX_DIGITS - 1, -1, -1):
            for parent in {name[:depth] for name in touched}:
                children = [digests.get(parent + child) or EMPTY[depth + 1] for child in CHILDREN]
                digests[parent] = node_digest(children)
        return Tree(buckets, digests, count)
