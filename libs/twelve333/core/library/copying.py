"""How a replica comes to the release that it is offered: by the changes since its own, or by comparing trees part by part.

Rules served: one ordered log a library, its cursor is (epoch, sequence); who is older than the horizon, or comes from another epoch,
compares trees and takes only the parts that differ, which for an empty replica are all; what stands in a signed checkpoint decides how
urgent it is. Source: the rules of signed distribution are those of The Update Framework, section 5.4 to 5.6, for one document.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from ..decision import Refusal, refuse
from . import codes
from .model import EVERYTHING, Release
from .tree import PART_HEX_DIGITS, Tree, parts_below

CLOCKS_DIFFER: Final = timedelta(minutes=5)
EPOCH_AHEAD_MAX: Final = timedelta(days=1)  # epochs are milliseconds since 1970, or one more than the one before
RELEASES_AHEAD_MAX: Final = 1_000_000  # a release a minute for two years: beyond that a number is made up, or nothing could follow it
CHANGES_A_RELEASE_MAX: Final = 50_000
VALID: Final = timedelta(days=14)
REFRESH_SHARE: Final = 0.5  # of its time; a checkpoint is signed anew when that is over


class Way(Enum):
    """How to come from the release held to the one offered."""

    NOTHING = "nothing"
    CHANGES = "changes"
    PARTS = "parts"


class Lane(Enum):
    """How a release is let through: urgent ones past every cap, bulk ones when nothing else waits."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"


def way(held: Release | None, offered: Release, horizon: int) -> Way:
    """How to copy.

    Args:
        held: the release in use, None for an empty replica.
        offered: verified.
        horizon: the sequence since which the sender knows every removal.
    """
    if held is None:
        return Way.PARTS
    if (held.epoch, held.number, held.root, held.scope) == (offered.epoch, offered.number, offered.root, offered.scope):
        return Way.NOTHING
    known = held.epoch == offered.epoch and held.scope == offered.scope and horizon <= held.sequence and held.sequence > 0
    return Way.CHANGES if known else Way.PARTS


def lane(held: Release | None, offered: Release) -> Lane:
    """The lane of what lies between: that of its most urgent release. A first copy, or one into a new epoch, is bulk."""
    if held is None or held.epoch != offered.epoch:
        return Lane.BULK
    if offered.last_urgent > held.number:
        return Lane.URGENT
    return Lane.NORMAL if offered.last_normal > held.number else Lane.BULK


def wanted_parts(ours: Tree, theirs: Mapping[str, bytes]) -> list[str]:
    """The parts that differ, in order.

    Args:
        ours: what we hold.
        theirs: digests by part.
    """
    return [part for part in sorted(theirs) if ours.digest(part) != theirs[part]]


def part_digests(part: str, digests: list[bytes]) -> dict[str, bytes] | None:
    """Digests of the parts right below the first level asked for, by name; None if there are not as many as there must be.

    Args:
        part: the one asked about.
        digests: sixteen for its children, or 256 for those two levels down.
    """
    depth = {16: len(part) + 1, 256: len(part) + PART_HEX_DIGITS}.get(len(digests))
    return dict(zip(parts_below(part, depth), digests, strict=True)) if depth else None


def succession(held: Release | None, offered: Release, now: datetime) -> Refusal | None:
    """What is wrong with the place of a release whose signature holds in the line of releases, None if nothing.

    Args:
        held: last good release, None for an empty replica.
        offered: as signed.
        now: the replica's time.
    """
    if offered.made_at > now + CLOCKS_DIFFER or offered.epoch > (now + EPOCH_AHEAD_MAX).timestamp() * 1000:
        return refuse(codes.FROM_FUTURE, number=offered.number, made=offered.made_at.isoformat(timespec="seconds"))
    if held is not None and (wrong := _out_of_line(held, offered)) is not None:
        return wrong
    if offered.expires_at is not None and offered.expires_at <= now:
        return refuse(codes.EXPIRED, number=offered.number, expired=offered.expires_at.isoformat(timespec="seconds"))
    return None


def _out_of_line(held: Release, offered: Release) -> Refusal | None:
    """Refuse what goes back, splits history, leaps, or does not follow from what is held."""
    if (offered.epoch, offered.number) < (held.epoch, held.number):
        return refuse(codes.ROLLED_BACK, number=offered.number, held=held.number)
    if held.scope != offered.scope:
        return None
    if (offered.epoch, offered.number) == (held.epoch, held.number):
        return None if offered.root == held.root else refuse(codes.FORKED, number=offered.number)
    if _fast_forwarded(held, offered):
        return refuse(codes.FAST_FORWARDED, number=offered.number, held=held.number)
    follows = (offered.epoch, offered.number) == (held.epoch, held.number + 1) and offered.scope == EVERYTHING
    if follows and offered.previous_root != held.root:
        return refuse(codes.CHAIN_BROKEN, number=offered.number)
    return None


def _fast_forwarded(held: Release, offered: Release) -> bool:
    """Whether a release is so far ahead that none could ever follow it, or its log did not grow as its number says."""
    releases, changes = offered.number - held.number, offered.sequence - held.sequence
    if releases > RELEASES_AHEAD_MAX:
        return True
    if offered.epoch != held.epoch or not held.sequence:
        return False
    return not releases <= changes <= releases * CHANGES_A_RELEASE_MAX


def is_expired(release: Release, now: datetime) -> bool:
    """Whether a release may no longer pass for the present one; it stays readable, under a banner."""
    return release.expires_at is not None and release.expires_at <= now


def is_refreshed(held: Release, offered: Release) -> bool:
    """Whether the offer is the release held, signed anew for longer."""
    same = (held.epoch, held.number, held.root, held.scope) == (offered.epoch, offered.number, offered.root, offered.scope)
    return same and offered.expires_at is not None and (held.expires_at is None or held.expires_at < offered.expires_at)


def due_for_signing(release: Release, now: datetime, valid: timedelta) -> bool:
    """Whether the hub is to sign its checkpoint anew."""
    return release.expires_at is None or release.expires_at - now < valid * REFRESH_SHARE
