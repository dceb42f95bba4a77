"""What a hub that was put back to a backup changes when a node hands back a later release: whole and proved, or nothing.

Rule served: a number never names two contents. The release keeps number, root and signature; the change log gets what the hub lacks, each
text under the release that brought it in, so that nodes in between are brought up to date as before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..decision import Decision, Refusal, refuse
from . import codes
from .merkle import root_of
from .model import Change, Leaf, Release, Tombstone, TombstoneReason
from .rules import apply_changes


def taken_back(
    last: Release | None, held: Mapping[str, Leaf], release: Release, entries: Collection[Change]
) -> Decision[list[Change]] | Refusal:
    """Decide whether a release is taken back, and which changes it makes here.

    Args:
        last: the release held here, None if nothing was published by the time of the backup.
        held: what is held here.
        release: as signed by this hub.
        entries: every entry of it.
    """
    if last is not None and (release.epoch, release.number) <= (last.epoch, last.number):
        return refuse(codes.ROLLED_BACK, number=release.number, held=last.number)
    after = apply_changes({}, entries)
    if len(after) != release.entry_count or root_of(after.values()) != release.root:
        return refuse(codes.ROOT_MISMATCH, number=release.number)
    news = [change for change in entries if held.get(change.entry_id) != after[change.entry_id]]
    # Why an entry was taken out is not handed back; that it was is proved by the root.
    gone = [
        Change(leaf.entry_id, leaf.version + 1, release.number, tombstone=Tombstone(TombstoneReason.WITHDRAWN), sequence=release.sequence)
        for leaf in held.values()
        if leaf.entry_id not in after
    ]
    return Decision(news + gone)
