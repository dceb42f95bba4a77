"""Which of several running copies of a member is the one that speaks: the hub grants it a lease, and a higher fence with each new copy.

A copy that starts shows the fence that its database holds. A lower one than was granted since is an old copy of the database; a
higher one was made by an operator who decided which copy shall live (a new epoch). With the same fence it may be the same member
started again, or a copy of it: while the holder of the lease still renews it, it is a copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from ..decision import Refusal, refuse
from .codes import FENCED

RENEW: Final = timedelta(seconds=2)
LEASE: Final = timedelta(seconds=6)  # a holder that is silent for so long may be succeeded


class Copy(Enum):
    """What a running copy of a member may do."""

    SOLE = "sole"  # everything: the lease is its own
    ALONE = "alone"  # everything: nobody is there to grant a lease
    UNPROVED = "unproved"  # new work, and nothing told or taken yet: the hub, until a node has met it
    REPLACED = "replaced"  # the same: a newer process works on the same database, and tells it
    UNDECIDED = "undecided"  # nothing new yet: another copy may be alive
    FENCED = "fenced"  # nothing new for ever: another copy is the member

    @property
    def tells(self) -> bool:
        """Whether it may tell others something and take what they tell."""
        return self in (Copy.SOLE, Copy.ALONE)

    @property
    def works(self) -> bool:
        """Whether it may take new work."""
        return self not in (Copy.UNDECIDED, Copy.FENCED)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a running copy says of itself when it asks for the lease, and each time it renews it.

    Args:
        member: whose copy it is.
        instance: names the process; made by chance at its start.
        fence: the highest that its database was granted, or its epoch if that is higher.
        ended: the process that it has itself seen to be gone, having had this same database; empty if it cannot know.
        beat: made by chance for this request; repeated when it is asked again because no answer came.
        before: the beat of the last request that was answered; empty for the first.
    """

    member: str
    instance: str
    fence: int
    ended: str = ""
    beat: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lease of a member.

    Args:
        instance, fence: of the holder.
        renewed_at: when it was heard last; the hub's own start, should that be later.
        beat: of the request heard last; empty when not known.
        challenger, challenged_at: another process with the same fence that waits, and since when.
    """

    member: str
    instance: str
    fence: int
    renewed_at: datetime
    beat: str = ""
    challenger: str = ""
    challenged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """The lease as it is now; `superseded` when another copy may still be alive that has lost it."""

    lease: Lease
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Waits:
    """Not yet: the holder may be alive; ask again."""

    lease: Lease


def claim(lease: Lease | None, asked: Claim, now: datetime) -> Granted | Waits | Refusal:
    """Decide who is the member.

    Args:
        lease: as it stands; None before the first.
        asked: what the copy says.
        now: by the hub's clock.

    Refusals: `DELIVERY_FENCED`.
    """
    if lease is None:
        return Granted(_granted(asked, asked.fence, now))
    if asked.instance == lease.instance:
        return _renewed(lease, asked, now)
    if asked.fence != lease.fence:
        taken = Granted(_granted(asked, asked.fence, now), superseded=True)
        return taken if asked.fence > lease.fence else refuse(FENCED, member=asked.member)
    if asked.ended == lease.instance:
        return Granted(_granted(asked, lease.fence, now))
    if now >= lease.renewed_at + LEASE:
        return Granted(_granted(asked, lease.fence, now), superseded=True)
    return _challenged(lease, asked, now)


def _granted(asked: Claim, fence: int, now: datetime) -> Lease:
    return Lease(asked.member, asked.instance, fence + 1, now, asked.beat)


def _renewed(lease: Lease, asked: Claim, now: datetime) -> Granted | Refusal:
    """The holder itself; a machine copied while it ran has the same instance, and is told by the beat that it does not know."""
    follows = not lease.beat or asked.before == lease.beat or asked.beat == lease.beat
    if not follows:
        return refuse(FENCED, member=asked.member)
    return Granted(replace(lease, renewed_at=now, beat=asked.beat, fence=max(lease.fence, asked.fence)))


def _challenged(lease: Lease, asked: Claim, now: datetime) -> Waits | Refusal:
    """A process that ends while its successor starts may be heard once more; one that is heard again after that is alive."""
    if lease.challenger != asked.instance or lease.challenged_at is None:
        return Waits(replace(lease, challenger=asked.instance, challenged_at=now))
    alive = lease.renewed_at - lease.challenged_at > RENEW
    return refuse(FENCED, member=asked.member) if alive else Waits(lease)
