"""Follows the parts of a tree as they come: each is compared with its digest as soon as it is whole, and says what is to be taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twelve333.adapters.sql.library_log import GONE
from twelve333.core.decision import Refused, refuse
from twelve333.core.library import codes
from twelve333.core.library.merkle import bucket_of, digest_of
from twelve333.core.library.model import Change, Leaf
from twelve333.core.library.tree import PART_HEX_DIGITS, Tree


class Parts:
    """The parts of one release that are to come.

    Args:
        ours: what we hold.
        theirs: digests by part.
        names: the parts that differ, in order.
    """

    def __init__(self, ours: Tree, theirs: Mapping[str, bytes], names: Sequence[str]) -> None:
        self._ours, self._theirs = ours, theirs
        self.names = list(names)
        self._left = list(names)
        self._came: dict[str, list[Leaf]] = {}

    def take(self, changes: Sequence[Change]) -> list[Change]:
        """What to write after these came: themselves, and removals from parts that are whole.

        Raises:
            Refused: LIBRARY_PART_MISMATCH, LIBRARY_FRAME_UNREADABLE.
        """
        last = ""
        for change in changes:
            last = bucket_of(change.entry_id)[:PART_HEX_DIGITS]
            if change.tombstone is not None or last not in self._left:
                raise Refused(refuse(codes.FRAME_UNREADABLE))
            self._came.setdefault(last, []).append(Leaf(change.entry_id, change.version, digest_of(change.content)))
        return [*changes, *self._whole(self._left.index(last) if last else 0)]

    def finish(self) -> list[Change]:
        """What is to be taken out when nothing more comes.

        Raises:
            Refused: LIBRARY_PART_MISMATCH.
        """
        return self._whole(len(self._left))

    def _whole(self, count: int) -> list[Change]:
        """Check the next `count` parts, which are whole now; the removals that follow."""
        gone: list[Change] = []
        for part in self._left[:count]:
            leaves = self._came.pop(part, [])
            if Tree.of(leaves).digest(part) != self._theirs[part]:
                raise Refused(refuse(codes.PART_MISMATCH, part=part))
            kept = {leaf.entry_id for leaf in leaves}
            lost = [leaf for leaf in self._ours.leaves(part) if leaf.entry_id not in kept]
            gone += [Change(leaf.entry_id, leaf.version, 0, tombstone=GONE) for leaf in lost]
        del self._left[:count]
        return gone
